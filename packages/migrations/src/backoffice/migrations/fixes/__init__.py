"""Rewrites what is unsafe in a revision, where the safe way is mechanical."""

from backoffice.migrations.fixes.pieces import Left
from backoffice.migrations.fixes.revision import Fix, fixed

__all__ = ["Fix", "Left", "fixed"]
