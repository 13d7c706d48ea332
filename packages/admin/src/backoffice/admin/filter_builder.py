"""What the builder of conditions offers: fields, conditions in words, records by their names."""

from typing import Any

from starlette.requests import Request

from backoffice.admin.chips import Names
from backoffice.admin.fields import Reference
from backoffice.admin.filter_words import in_builder
from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.visits import visit_of


def builder_fields(view: RecordView, request: Request, names: Names) -> list[dict[str, Any]]:
    """For the script; a reference is looked up by typing where its records may be seen.

    `names` are those of the records that conditions name by key already.
    """
    found = view._filter_builder_fields(request)
    looked_up = {
        each.name: url_of(request, each.resource, "lookup")
        for each in view.get_fields_list(request)
        if isinstance(each, Reference) and visit_of(request).may(each.resource, "view")
    }
    for each in found:
        for offered in each["filters"]:
            offered["label"] = in_builder(offered["name"], offered["label"])
        if each["name"] in looked_up:
            each["lookup"] = looked_up[each["name"]]
            each["names"] = {
                key: name for (field, key), name in names.items() if field == each["name"]
            }
    return found
