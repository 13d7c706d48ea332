"""Whether a process can tell that it is one of several, and says so where that matters."""

import subprocess
import sys
from pathlib import Path

import pytest

from backoffice.ratelimit.workers import workers
from tests.services.process import free_port, listens, running

APP = """
from fastapi import FastAPI
from backoffice.core import singletons
from backoffice.ratelimit import RateLimit
app = FastAPI(lifespan=singletons())

@app.get("/", dependencies=[RateLimit("5/minute")])
async def root() -> None: ...
"""
BY_CODE = """
import uvicorn
if __name__ == "__main__":
    uvicorn.run("main:app", port={port}, workers=2)
"""
#: Becomes Python in that folder.
IN_FOLDER = """
import os, sys
os.chdir(sys.argv[1])
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
LOUD = "processes count each for itself"


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["uvicorn", "main:app"], 1),
        (["uvicorn", "main:app", "--workers", "4"], 4),
        (["fastapi", "run", "--workers=4"], 4),
        (["gunicorn", "-w", "4", "main:app"], 4),
        (["gunicorn", "-w4", "main:app"], 4),
        (["uvicorn", "main:app", "--workers"], 1),
        (["other", "-w", "wide"], 1),
        (["other", "--workers-file", "9"], 1),
    ],
)
def test_the_arguments_of_a_server_say_how_many(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], count: int
) -> None:
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    monkeypatch.setattr(sys, "argv", arguments)
    assert workers() == count


@pytest.mark.parametrize(("value", "count"), [("4", 4), ("", 1), ("many", 1), ("²", 1)])
def test_the_environment_says_how_many(
    monkeypatch: pytest.MonkeyPatch, value: str, count: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["python"])
    monkeypatch.setenv("WEB_CONCURRENCY", value)
    assert workers() == count


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (["-m", "uvicorn", "main:app", "--workers", "2"], 2),
        (["by_code.py"], 2),
        (["-m", "uvicorn", "main:app", "--reload"], 0),
        (["-m", "uvicorn", "main:app"], 0),
    ],
)
def test_each_worker_says_once_that_it_counts_for_itself(
    tmp_path: Path, arguments: list[str], lines: int
) -> None:
    port = free_port()
    (tmp_path / "main.py").write_text(APP)
    (tmp_path / "by_code.py").write_text(BY_CODE.format(port=port))
    by_module = ["--port", str(port)] if "-m" in arguments else []
    with running(
        [sys.executable, "-c", IN_FOLDER, str(tmp_path), *arguments, *by_module],
        directory=tmp_path,
        ready=lambda: listens(port) and started(tmp_path) >= max(lines, 1),
    ):
        said = (tmp_path / "server.log").read_text().count(LOUD)
    assert said == lines


def started(folder: Path) -> int:
    """How many processes have started the app."""
    return (folder / "server.log").read_text().count("Application startup complete")


def test_one_that_shares_redis_has_nothing_to_say(redis_url: str) -> None:
    code = (
        "import asyncio, backoffice.ratelimit as r; from backoffice.core import Run\n"
        "async def main():\n"
        "    async with Run() as run: await run.open(r.limiter)\n"
        "asyncio.run(main())"
    )
    environment = {"WEB_CONCURRENCY": "4", "PATH": ""}
    for extra, said in (({"BACKOFFICE_REDIS_URL": redis_url}, False), ({}, True)):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**environment, **extra},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert (LOUD in done.stderr) is said
