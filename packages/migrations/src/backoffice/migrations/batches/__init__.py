"""Changes many rows while the app goes on: in batches by key, each once, resumable at any moment.

Usable inside a revision and by itself; imports no Alembic.
"""

from backoffice.migrations.batches.jobs import (
    batched_delete,
    batched_insert,
    batched_update,
    forget,
)
from backoffice.migrations.batches.pace import Pace

__all__ = ["Pace", "batched_delete", "batched_insert", "batched_update", "forget"]
