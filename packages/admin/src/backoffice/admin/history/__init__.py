"""The history: every change of a record, who made it, and how it is taken back."""

from backoffice.admin.history.models import Change
from backoffice.admin.history.recorder import follow

__all__ = ["Change", "follow"]
