"""What happens to all accounts at once, beside what happens to each."""

from dataclasses import dataclass
from typing import ClassVar

from backoffice.auth.events import AuthEvent


@dataclass(frozen=True, kw_only=True)
class UsersImported(AuthEvent):
    """A file of accounts was imported to its end; each account has events of its own."""

    name: ClassVar[str] = "auth.users_imported"
    #: Of the file's content, and of how it was read.
    digest: str = ""
    created: int = 0
    updated: int = 0
    skipped: int = 0
    refused: int = 0


@dataclass(frozen=True, kw_only=True)
class UsersExported(AuthEvent):
    """Somebody has begun to write every account into a file, with or without the hashes."""

    name: ClassVar[str] = "auth.users_exported"
    with_hashes: bool = False
