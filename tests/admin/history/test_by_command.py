"""What is done by the command is in the history of the admin, which the command never serves."""

import json
import os
from pathlib import Path

from sqlalchemy import create_engine, text

from tests.auth.conftest import Command, command, created

__all__ = ["command"]

APP = """
from fastapi import FastAPI
from backoffice.admin import Admin
from backoffice.auth import Auth
auth = Auth()
admin = Admin(auth)
app = FastAPI()
app.include_router(auth.router, prefix="/auth")
app.include_router(admin.router, prefix="/admin")
"""


def test_a_verb_is_told_of_with_who_was_typing(command: Command, tmp_path: Path) -> None:
    """Field by field, as anything else is."""
    (tmp_path / "main.py").write_text(APP)
    ann = created(command)
    code, _, err = command("users", "update", "ann@example.com", "--email", "eve@example.com")
    assert code == 0, err
    url = os.environ["BACKOFFICE_DATABASE_URL"].replace("+aiosqlite", "")
    engine = create_engine(url)
    with engine.connect() as connection:
        query = "SELECT action, through, actor, record_key, changes FROM backoffice_history"
        made, changed = connection.execute(text(f"{query} ORDER BY number")).all()
    engine.dispose()
    assert (made[0], changed[0]) == ("add", "change")
    assert made[1] == changed[1] == "command"
    assert changed[2].startswith("cli:")
    assert changed[3].replace("-", "") == ann["id"].replace("-", "")
    kept = changed[4] if isinstance(changed[4], dict) else json.loads(changed[4])
    assert kept["email"] == ["ann@example.com", "eve@example.com"]
