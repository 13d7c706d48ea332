import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.process import ServiceError, free_port, listens, running

STARTER = """
import sys, time
from pathlib import Path
from tests.services.process import kept_directory, listens, running

directory, port = Path(sys.argv[1]), int(sys.argv[2])
server = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
with (
    kept_directory("backoffice-kept-") as kept,
    running(server, directory=directory, ready=lambda: listens(port)),
):
    print(kept, flush=True)
    time.sleep(60)
"""


def until(condition: Callable[[], bool]) -> bool:
    """Wait for something that another process does, a minute at most."""
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_server_ends_with_the_process_that_started_it(
    tmp_path: Path, blow: signal.Signals
) -> None:
    """However that process ends, its server stops and the files are removed."""
    directory, port = tmp_path / "files", free_port()
    directory.mkdir()
    command = [sys.executable, "-c", textwrap.dedent(STARTER), str(directory), str(port)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert starter.stdout is not None
    kept = Path(starter.stdout.readline().decode().strip())
    assert kept.is_dir()

    os.kill(starter.pid, blow)
    starter.communicate()

    assert until(lambda: not listens(port))
    assert until(lambda: not directory.exists() and not kept.exists())


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    """Its last words are in the error."""
    command = [sys.executable, "-c", "raise SystemExit('no port left')"]
    with (
        pytest.raises(ServiceError, match="no port left"),
        running(command, directory=tmp_path, ready=lambda: False),
    ):
        pass
