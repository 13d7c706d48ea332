"""How a file of accounts is read, and what is done about accounts that are there."""

import hashlib
from dataclasses import dataclass, field
from typing import Literal

from backoffice.auth.user_files.columns import Columns

Existing = Literal["skip", "update", "refuse"]


@dataclass(frozen=True)
class Terms:
    """What an import is told beside the file."""

    #: `csv` or `jsonl`.
    format: str
    columns: Columns = field(default_factory=Columns)
    #: What to do about a line whose address has an account.
    existing: Existing = "skip"
    #: Whether accounts may be made that may do everything.
    superusers: bool = False

    def digest(self, content: str) -> str:
        """By which an import is found again: the same file, read in the same way."""
        told = (content, self.format, self.columns.spelt(), self.existing, self.superusers)
        return hashlib.sha256(repr(told).encode()).hexdigest()
