"""The columns of a list: those of its page, unless somebody has chosen others, in their order."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette_admin.fields import BaseField

from backoffice.admin.rules import RuledView

#: The parameter that names them: `cols=title,price`.
COLUMNS = "cols"


def offered(view: RuledView, request: Request) -> dict[str, BaseField]:
    """Name to field, of all that the list may show to whoever asks."""
    return {each.name: each for each in view.get_fields_list(request)}


def chosen(view: RuledView, request: Request, kept: str = "") -> list[BaseField]:
    """The columns that the address names, else those that are kept, else those of the page.

    What may not be seen, or is not there any more, is left out of them.
    """
    names = request.query_params.get(COLUMNS, "") or kept
    if not names:
        return view.columns(request)
    fields = offered(view, request)
    found = [fields[each] for each in dict.fromkeys(names.split(",")) if each in fields]
    return found or view.columns(request)


def moved(names: Sequence[str], name: str, steps: int) -> list[str]:
    """The same names with one of them so many steps further on, as far as there is room."""
    found = list(dict.fromkeys(names))
    if name in found:
        place = max(found.index(name) + steps, 0)
        found.remove(name)
        found.insert(place, name)
    return found
