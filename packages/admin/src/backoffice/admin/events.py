"""What happens to the app's own records in the admin, for `auth.on(...)` and the audit log."""

from dataclasses import dataclass
from typing import ClassVar

from backoffice.auth import AuthEvent


@dataclass(frozen=True, kw_only=True)
class RecordEvent(AuthEvent):
    """Root of the events of records; `subject` names the record, such as `book:42`."""

    #: Fields that were written; their names, not their values.
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordCreated(RecordEvent):
    """A record was added."""

    name: ClassVar[str] = "admin.record_created"


@dataclass(frozen=True, kw_only=True)
class RecordChanged(RecordEvent):
    """Fields of a record were changed."""

    name: ClassVar[str] = "admin.record_changed"


@dataclass(frozen=True, kw_only=True)
class RecordDeleted(RecordEvent):
    """A record was deleted."""

    name: ClassVar[str] = "admin.record_deleted"


@dataclass(frozen=True, kw_only=True)
class RecordRestored(RecordEvent):
    """A record that was deleted and kept is back."""

    name: ClassVar[str] = "admin.record_restored"


@dataclass(frozen=True, kw_only=True)
class MailRetried(AuthEvent):
    """Somebody had a message of the outbox tried again, or all that were given up."""

    name: ClassVar[str] = "admin.mail_retried"
