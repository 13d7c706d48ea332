"""The shop and the command as their users run them: as processes of their own."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

import httpx2

from tests.leaks import found_in
from tests.services.nursery import python
from tests.services.process import free_port, kept_directory, running

ROOT = Path(__file__).parents[2]
STARTED = "Application startup complete"
PROCESS = re.compile(r"Started server process \[(\d+)\]")
#: All tests come from one address.
GENEROUS = {
    "BACKOFFICE_AUTH__SIGN_IN_LIMIT": "1000/minute",
    "BACKOFFICE_AUTH__REGISTER_LIMIT": "1000/minute",
}


class Server:
    """A web server on a port of its own, which may be killed and started again."""

    def __init__(
        self, command: Callable[[int], list[str]], environment: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = command(self.port)
        self._environment = {**GENEROUS, **(environment or {})}
        self._stack = contextlib.ExitStack()
        self._log = Path()

    def start(self) -> None:
        """Run it, and come back when it answers."""
        folder = self._stack.enter_context(kept_directory("backoffice-server-"))
        self._log = folder / "server.log"
        self._stack.enter_context(
            running(
                self._command,
                directory=folder,
                ready=lambda: STARTED in self.log,
                environment=self._environment,
            )
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask it to end, and wait until it has; it must have logged no secret."""
        said = self.log
        self._stack.close()
        assert not found_in(said), said

    def kill(self) -> None:
        """End it at once; it hears nothing of it."""
        found = PROCESS.search(self.log)
        assert found, self.log
        os.kill(int(found[1]), signal.SIGKILL)
        self._stack.close()

    @property
    def log(self) -> str:
        """All that it has said since it was started, on stdout and on stderr."""
        return self._log.read_text() if self._log.is_file() else ""

    def said(self, name: str) -> str:
        """What stands behind `name:` at the beginning of a line."""
        found = re.search(rf"^{name}: (.*)$", self.log, re.MULTILINE)
        assert found, self.log
        return found[1]

    def request(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """One request over a connection of its own; `token` and `key` are credentials."""
        headers = dict(options.pop("headers", {}))
        if token := options.pop("token", None):
            headers["Authorization"] = f"Bearer {token}"
        if key := options.pop("key", None):
            headers["X-API-Key"] = key
        return httpx2.request(
            method, self.url + path, headers=headers, trust_env=False, timeout=60, **options
        )

    def get(self, path: str, **options: Any) -> httpx2.Response:
        """GET."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx2.Response:
        """POST."""
        return self.request("POST", path, **options)

    def login(self, email: str, password: str) -> dict[str, Any]:
        """The pair of tokens that a password gives."""
        answer = self.post("/auth/login", data={"username": email, "password": password})
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens


class Shop(Server):
    """The demonstration of the bookshop, with all that it keeps in `data`."""

    def __init__(self, data: Path, environment: Mapping[str, str] | None = None) -> None:
        self.data = data

        def command(port: int) -> list[str]:
            options = ["--port", str(port), "--data", str(data)]
            return [sys.executable, "-m", "example_app.demo", *options]

        # Not to the terminal, which is the log that is looked through for secrets.
        super().__init__(command, {"BACKOFFICE_MAIL__URL": "memory:", **(environment or {})})

    def password(self, name: str) -> str:
        """The password of `admin`, or of the account for one of the demonstration's roles."""
        return self.said("password") if name == "admin" else self.said(name).split()[1]

    def token(self, name: str) -> str:
        """An access token of a new sign-in of that account."""
        token: str = self.login(f"{name}@example.com", self.password(name))["access_token"]
        return token

    def key(self, name: str) -> str:
        """A new API key of that account."""
        made = self.post("/auth/api-keys", token=self.token(name), json={"name": "e2e"})
        assert made.status_code == 201, made.text
        key: str = made.json()["key"]
        return key


class Backoffice:
    """The `backoffice` command, run in a folder with an environment."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._environment = environment

    def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run it, with `typed` on its stdin."""
        done = python(
            [Path(sys.executable).with_name("backoffice"), *arguments],
            folder=self._folder,
            environment={**os.environ, **self._environment},
            typed=typed,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert not found_in(done.stderr), done.stderr
        return done

    def does(self, *arguments: str, typed: str = "") -> Any:
        """What it answers under --json, having succeeded."""
        done = self.run(*arguments, "--json", typed=typed)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refuses(self, code: int, *arguments: str, typed: str = "") -> str:
        """What it says on stderr, having ended with that code and nothing on stdout."""
        done = self.run(*arguments, typed=typed)
        assert (done.returncode, done.stdout) == (code, ""), done.stderr
        return done.stderr
