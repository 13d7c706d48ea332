"""Fields of a form under a heading."""

from dataclasses import dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette_admin.widgets import FieldsetWidget


@dataclass
class FieldsetSection(FieldsetWidget):
    """A group of fields, with a sentence below its heading; one that is collapsed opens where one
    of its fields is wrong."""

    template: ClassVar[str] = "widgets/fieldset_section.html"

    description: str = ""
    collapsed: bool = False

    async def get_context(self, request: Request) -> dict[str, Any]:
        """For the template."""
        wrong = any(getattr(each, "_error", None) for each in self.children)
        return {**await super().get_context(request), "open": wrong or not self.collapsed}
