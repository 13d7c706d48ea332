"""The newest records: what may be looked through one by one, however many there are."""

from typing import Any

from sqlalchemy import select, tuple_

from backoffice.admin.configured import ConfiguredView

#: So many cost some milliseconds, with no index over what is looked for.
MOST = 10_000


def among_newest(view: ConfiguredView, most: int = MOST) -> Any:
    """The condition of the records whose keys are the last of all, up to `most` of them."""
    columns = [getattr(view.model, each) for each in view.keys.names]
    last = select(*columns).order_by(*(each.desc() for each in columns)).limit(most)
    # A query of its own, though it is asked within one of the same table.
    last = last.correlate(None)
    return columns[0].in_(last) if len(columns) == 1 else tuple_(*columns).in_(last)
