"""The addresses of a list: all that it shows stands in its query."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request

from backoffice.admin.presentation import url_of

#: What of an address says which page of the list it is.
PLACES = ("after", "before", "page")


def here(request: Request, **changes: Any) -> str:
    """The address of this list with some of its query changed; None takes a part out.

    Unless another page is named it is the first: places of one list are none of another.
    """
    changes = dict.fromkeys(PLACES) | changes
    kept = [each for each in request.query_params.multi_items() if each[0] not in changes]
    changed = [(name, str(value)) for name, value in changes.items() if value is not None]
    path = url_of(request, request.path_params["resource"])
    query = urlencode(kept + changed)
    return f"{path}?{query}" if query else path
