"""The admin site of a FastAPI app: its models and its accounts, behind its own sign-in."""

from backoffice.admin.actions import Action, ActionContext, action
from backoffice.admin.admin import Admin
from backoffice.admin.computed import ComputedColumn, column
from backoffice.admin.dashboard.charts import Chart, Days, Series
from backoffice.admin.events import (
    MailRetried,
    RecordChanged,
    RecordCreated,
    RecordDeleted,
    RecordEvent,
    RecordRestored,
)
from backoffice.admin.inlines import Inline, StackedInline, TabularInline
from backoffice.admin.model_admin import Fieldset, ModelAdmin
from backoffice.admin.pages import Card, PageContext, Table
from backoffice.admin.settings import AdminSettings
from backoffice.admin.theme import Palette, Theme

__all__ = [
    "Action",
    "ActionContext",
    "Admin",
    "AdminSettings",
    "Card",
    "Chart",
    "ComputedColumn",
    "Days",
    "Fieldset",
    "Inline",
    "MailRetried",
    "ModelAdmin",
    "PageContext",
    "Palette",
    "RecordChanged",
    "RecordCreated",
    "RecordDeleted",
    "RecordEvent",
    "RecordRestored",
    "Series",
    "StackedInline",
    "Table",
    "TabularInline",
    "Theme",
    "action",
    "column",
]
