"""The permissions that the pages of records, their jobs and their views ask for."""

from collections.abc import Iterator

from backoffice.admin.markup import lower_first
from backoffice.admin.options import computed_columns
from backoffice.admin.records import RecordView
from backoffice.admin.soft_deletion import PURGE, RESTORE
from backoffice.auth.catalogue import Known

#: What may be done with the records of a page.
VERBS = ("view", "add", "change", "delete", "export")
OF_JOBS = (
    Known("bulk-jobs:view", "See the bulk jobs of others", "backoffice.admin"),
    Known("bulk-jobs:change", "Cancel the bulk jobs of others", "backoffice.admin"),
)
OF_VIEWS = Known(
    "saved-views:share", "Share views of lists, and change those of others", "backoffice.admin"
)


def permissions_of(view: RecordView) -> Iterator[Known]:
    """Those of a page of records."""
    records = lower_first(str(view.menu_label))
    own = [*(each.verb for each in view.options.actions), *view.own_verbs]
    own += [RESTORE, PURGE] if view.soft_deletion is not None else []
    own += ["import"] if view.is_written_plainly else []
    for verb in dict.fromkeys([*VERBS, *own]):
        yield Known(f"{view.resource}:{verb}", f"{verb.capitalize()} {records}", "backoffice.admin")
    for column in computed_columns(view.options).values():
        if column.permission:
            yield Known(column.permission, f"See {column.label} of {records}", "backoffice.admin")
