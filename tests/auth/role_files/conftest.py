"""The command, with an app that knows permissions of books."""

from pathlib import Path

import pytest

# Before any test, for `command` forgets what is imported within it, and PyYAML's part in C would go
# on with the classes of the module that was forgotten.
import yaml  # noqa: F401

from tests.auth.conftest import APP, Command

DECLARED = """
for name in ("books:read", "books:write", "books:delete", "orders:refund"):
    auth.permission(name)
"""


@pytest.fixture
def roles(command: Command, tmp_path: Path) -> Command:
    """Runs `backoffice roles ... --json` in a folder of its own."""
    (tmp_path / "main.py").write_text(APP + DECLARED)

    def run(*arguments: str, **more: object) -> tuple[int, object, str]:
        return command("roles", *arguments, **more)

    return run
