"""Singletons in real server processes: one value for each worker, closed when it is told to end."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.processes import Server
from tests.services.process import free_port

WORKERS = 2

APP = """
import os
from pathlib import Path
from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, FastAPI

from backoffice.core import singleton, singletons

LOG = Path({log!r})


def note(line):
    with LOG.open("a") as file:
        file.write(f"{{line}} {{os.getpid()}}\\n")


@singleton
async def worker():
    async with anyio.create_task_group() as group:
        group.start_soon(anyio.sleep_forever)
        note("opened")
        yield os.getpid()
        group.cancel_scope.cancel()
    note("closed")


@singleton
async def failing(worker: Annotated[int, Depends(worker)]):
    raise OSError("no such disk")


router = APIRouter(lifespan=singletons())


@router.get("/")
def pid(worker: Annotated[int, Depends(worker)]) -> list[int]:
    return [worker, os.getpid()]


app = FastAPI()
app.include_router(router)
broken = FastAPI(lifespan=singletons(failing))
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """What the singletons of an app in `shop.py` note."""
    log = tmp_path / "log"
    (tmp_path / "shop.py").write_text(APP.format(log=str(log)))
    return log


def uvicorn(folder: Path, app: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "uvicorn", f"shop:{app}", "--app-dir", str(folder), *options]


def lines(log: Path, word: str) -> list[str]:
    return sorted(line.split()[1] for line in log.read_text().splitlines() if word in line)


def test_each_worker_opens_its_own_and_closes_it_when_told_to_end(log: Path) -> None:
    def command(port: int) -> list[str]:
        return uvicorn(log.parent, "app", "--port", str(port), "--workers", str(WORKERS))

    with Server(command) as server, ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: server.get("/").json(), range(200)))
    assert all(value == process for value, process in answers)
    opened, closed = lines(log, "opened"), lines(log, "closed")
    assert len(opened) == len(set(opened)) == WORKERS
    assert closed == opened


def test_an_app_whose_singleton_fails_does_not_start(log: Path) -> None:
    """The server ends, says which one it was, and what had opened is closed."""
    ended = subprocess.run(
        uvicorn(log.parent, "broken", "--port", str(free_port())),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 3
    assert "no such disk" in ended.stderr
    assert "while opening the singleton failing" in ended.stderr
    assert lines(log, "closed") == lines(log, "opened") != []
