"""The admin site of a FastAPI app: its models and its accounts, behind its own sign-in."""

from backoffice.admin.actions import Action, ActionContext, action
from backoffice.admin.admin import Admin
from backoffice.admin.computed import ComputedColumn, column
from backoffice.admin.events import RecordChanged, RecordCreated, RecordDeleted, RecordEvent
from backoffice.admin.inlines import Inline, StackedInline, TabularInline
from backoffice.admin.model_admin import Fieldset, ModelAdmin
from backoffice.admin.settings import AdminSettings

__all__ = [
    "Action",
    "ActionContext",
    "Admin",
    "AdminSettings",
    "ComputedColumn",
    "Fieldset",
    "Inline",
    "ModelAdmin",
    "RecordChanged",
    "RecordCreated",
    "RecordDeleted",
    "RecordEvent",
    "StackedInline",
    "TabularInline",
    "action",
    "column",
]
