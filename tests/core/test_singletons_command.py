"""`backoffice singletons` shows what an app shares, and starts none of it."""

import json
import sys
from pathlib import Path

import pytest

from tests.core.test_command import run

SHOP = """
from typing import Annotated
from fastapi import Depends, FastAPI
from backoffice.core import singleton

@singleton
async def shelf() -> list[str]:
    raise RuntimeError("must not open")

@singleton
async def till(shelf: Annotated[list[str], Depends(shelf)], app: FastAPI) -> dict[str, int]: ...

@till.health(required=False)
async def check(value: dict[str, int]) -> None: ...

app = FastAPI()

@app.get("/")
async def route(till: Annotated[dict[str, int], Depends(till)]) -> None: ...
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project with that app."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "shop.py").write_text(SHOP)


def test_list_shows_each_with_its_needs_and_health(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "--app", "shop:app", "--json", "singletons", "list")
    assert code == 0
    assert json.loads(out) == [
        {"name": "shelf", "gives": "list", "needs": [], "health": None},
        {"name": "till", "gives": "dict", "needs": ["shelf", "the app"], "health": "optional"},
    ]


def test_graph_is_mermaid(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(monkeypatch, capsys, "--app", "shop:app", "singletons", "graph")
    assert code == 0
    assert out.splitlines()[0] == "graph TD"
    assert {line.strip() for line in out.splitlines() if "-->" in line} == {
        "n2 --> n0",
        "n2 --> n1",
    }
