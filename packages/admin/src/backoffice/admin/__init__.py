"""The admin site of a FastAPI app: its models and its accounts, behind its own sign-in."""

from backoffice.admin.admin import Admin
from backoffice.admin.events import RecordChanged, RecordCreated, RecordDeleted, RecordEvent
from backoffice.admin.model_admin import ModelAdmin
from backoffice.admin.settings import AdminSettings

__all__ = [
    "Admin",
    "AdminSettings",
    "ModelAdmin",
    "RecordChanged",
    "RecordCreated",
    "RecordDeleted",
    "RecordEvent",
]
