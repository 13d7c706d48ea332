"""The demonstration: `make demo` in a fresh clone, and again."""

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import ROOT, Shop
from tests.services.process import free_port

DEMO = [sys.executable, "-m", "example_app.demo"]


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The demonstration as a child of ours, which is ended whatever happens."""
    with subprocess.Popen(
        [*DEMO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as demo:
        try:
            yield demo
        finally:
            demo.kill()


def refused(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What it says when it cannot start: one line."""
    done = subprocess.run(
        [*DEMO, *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert (done.stdout, len(done.stderr.splitlines())) == ("", 1), done.stderr
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the demonstration has filled once."""
    data = tmp_path_factory.mktemp("demonstration") / "data"
    with Shop(data):
        pass
    return data


def test_it_says_where_it_is_and_who_may_enter(data: Path) -> None:
    """On stdout, at once, and nothing else; Ctrl-C ends it without complaint."""
    port = free_port()
    with started("--port", str(port), "--data", str(data)) as demo:
        assert demo.stdout is not None
        lines = [demo.stdout.readline().rstrip("\n") for _ in range(5)]
        alive = httpx2.get(f"http://127.0.0.1:{port}/health/live", trust_env=False, timeout=60)
        demo.send_signal(signal.SIGINT)
        rest = demo.stdout.read()
        assert (alive.status_code, rest, demo.wait(10)) == (200, "", 0)
    names = [line.partition(": ")[0] for line in lines]
    assert names == ["url", "admin", "password", "editor", "support"]
    assert lines[:2] == [f"url: http://127.0.0.1:{port}", "admin: admin@example.com"]


def test_its_mail_is_shown_in_the_terminal_with_a_link_to_where_it_is(data: Path) -> None:
    """Whoever tries it needs no mail server."""
    shop = Shop(data, {"BACKOFFICE_MAIL__URL": ""})
    shop.start()
    try:
        body = {"email": "zoe@example.com", "password": "a pass phrase of one's own"}
        assert shop.post("/auth/register", json=body).status_code == 202
        ends = time.monotonic() + 60
        link = re.compile(rf"^{shop.url}(/admin/verify\?token=\S+)$", re.MULTILINE)
        while not (found := link.search(shop.log)) and time.monotonic() < ends:
            time.sleep(0.05)
        assert found
        assert "Confirm your address" in shop.get(found[1]).text
    finally:
        shop.kill()  # asked to end, it would be told that its log holds a link


def test_what_it_makes_only_its_owner_may_read(data: Path) -> None:
    """Folder, database, secret key and passwords."""
    for path in (data, *data.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert len((data / "secret_key").read_bytes()) >= 32


def test_two_clones_share_no_secret(data: Path, tmp_path: Path) -> None:
    """Each makes its own."""
    with Shop(tmp_path / "other") as other:
        secrets = ((folder / "secret_key").read_text() for folder in (data, other.data))
        passwords = {other.password(name) for name in ("admin", "editor", "support")}
        assert len({*secrets}) == 2
        assert len(passwords) == 3
        assert (data / "admin_password").read_text() not in passwords


def test_a_password_that_was_changed_is_not_set_again(data: Path) -> None:
    """Nor is the one shown that no longer opens anything."""
    with Shop(data) as shop:
        token, password = shop.token("support"), shop.password("support")
        change = {"current_password": password, "new_password": "one of my own choosing"}
        assert shop.post("/auth/me/password", token=token, json=change).status_code == 204
    with Shop(data) as shop:
        assert "changed" in shop.said("support")
        assert shop.login("support@example.com", "one of my own choosing")
        assert shop.get("/auth/me", token=token).status_code == 200


def test_what_the_environment_says_comes_first(data: Path, tmp_path: Path) -> None:
    """Its database and its secret are used, and none is made."""
    own = tmp_path / "own.db"
    settings = {"BACKOFFICE_DATABASE_URL": f"sqlite:///{own}", "BACKOFFICE_SECRET_KEY": "s" * 32}
    with Shop(tmp_path / "data", settings) as shop:
        assert shop.token("admin")
        assert {path.name for path in shop.data.iterdir()} == {
            f"{name}_password" for name in ("admin", "editor", "support")
        }
    assert own.stat().st_size > 100_000


def test_a_port_in_use_is_one_clear_line(tmp_path: Path) -> None:
    """Nothing is made for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused("--port", str(port), "--data", str(tmp_path / "data"))
    assert told.stderr.startswith(f"error: port {port} is in use")
    assert not (tmp_path / "data").exists()


def test_what_it_cannot_use_is_one_clear_line(tmp_path: Path) -> None:
    """A setting, a database, a folder."""
    options = ("--port", "0", "--data", str(tmp_path / "data"))
    (tmp_path / "file").write_text("not a folder")
    assert "BACKOFFICE_SECRET_KEY" in refused(*options, BACKOFFICE_SECRET_KEY="short").stderr
    nowhere = "postgresql://postgres@127.0.0.1:1/shop"
    assert refused(*options, BACKOFFICE_DATABASE_URL=nowhere).returncode == 6
    assert "file" in refused("--port", "0", "--data", str(tmp_path / "file")).stderr
