"""Reads migrations before they run, and says which of them would hurt."""

from backoffice.migrations.lint.findings import Finding, Where
from backoffice.migrations.lint.linting import Linted, lint
from backoffice.migrations.lint.locks import Effect, Lock, effects
from backoffice.migrations.lint.operations import Operation, Reading, Statement, Target
from backoffice.migrations.lint.reading import read
from backoffice.migrations.lint.schema import Schema

__all__ = [
    "Effect",
    "Finding",
    "Linted",
    "Lock",
    "Operation",
    "Reading",
    "Schema",
    "Statement",
    "Target",
    "Where",
    "effects",
    "lint",
    "read",
]
