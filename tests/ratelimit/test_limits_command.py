"""`backoffice limits`: what an operator sees of limits, and does about them."""

import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis
from fastapi.testclient import TestClient

from backoffice.core import Run
from backoffice.core.singletons import STATE
from backoffice.ratelimit.metrics import limit_metrics
from tests.ratelimit.commanding import BOOK, Command, audited

PLANS = """
from fastapi import FastAPI, Request
from backoffice.core import singletons
from backoffice.ratelimit import RateLimit

def plan(request: Request) -> str:
    return "9/minute"

app = FastAPI(lifespan=singletons())

@app.get("/", dependencies=[RateLimit(plan, by_role={"gold": "99/minute"}, name="plans")])
async def read() -> None: ...
"""


def test_every_limit_is_listed_by_the_name_under_which_it_counts(command: Command) -> None:
    code, found, _ = command("limits", "list")
    limits = {each["policy"]: each["limits"] for each in found}
    assert code == 0
    assert limits[f"{BOOK}#2"] == ["5/minute", "500/day"]
    assert limits["everything"] == ["1000/hour"]
    assert limits["outside"] == ["2000/hour"]
    assert limits["lists"] == ["7/minute", "3 concurrent"]
    assert limits["WS /talk#2"] == ["3/minute"]
    assert limits["GET /deep main.deep"] == ["9/minute"]
    assert limits["auth.sign-in"] == ["20/day"]
    assert limits["auth.register"] == ["20/hour"]
    assert limits["api-key"] == ["each caller's own"]
    assert len(found) == len(limits)
    [lists] = [each for each in found if each["policy"] == "lists"]
    assert (lists["counted"], lists["on_error"]) == ("key of its own", "open")


def test_an_app_without_limits_lists_none(command: Command) -> None:
    assert command("limits", "list", "--app", "main:bare")[:2] == (0, [])


def test_showing_a_caller_spends_nothing(
    command: Command, shared: redis.Redis, client: TestClient
) -> None:
    assert client.get("/shop/books/1").status_code == 200
    before = sorted(shared.scan_iter())
    for _ in range(2):
        code, found, _ = command("limits", "show", f"{BOOK}#2", "--address", "203.0.113.9")
        assert code == 0
        standings = {each["limit"]: each for each in found["standings"]}
        assert [standings[each]["remaining"] for each in ("5/minute", "500/day")] == [4, 499]
        assert standings["5/minute"]["wait"] == 0
        assert 0 < standings["5/minute"]["reset"] <= 12
    assert sorted(shared.scan_iter()) == before
    other = command("limits", "show", f"{BOOK}#2", "--address", "203.0.113.10")[1]
    assert other["standings"][0]["remaining"] == 5
    assert b"203.0.113.9" not in b"".join(before)


def test_callers_are_counted_where_that_is_asked_for(
    command: Command, shared: redis.Redis, client: TestClient
) -> None:
    for tenant in ("acme", "acme", "umbrella"):
        client.get("/shop/books/", headers={"X-Tenant": tenant})
    client.get("/shop/books/1")
    found = {each["policy"]: each["callers"] for each in command("limits", "list", "--callers")[1]}
    assert (found["lists"], found[f"{BOOK}#2"], found["everything"]) == (2, 1, 1)
    assert (found["WS /talk#2"], found["api-key"]) == (0, 0)


def test_resetting_a_caller_lets_them_in_again_at_once(
    command: Command, shared: redis.Redis, client: TestClient, database: Path
) -> None:
    assert [client.get("/shop/books/1").status_code for _ in range(6)] == [*[200] * 5, 429]
    again = ("limits", "reset", f"{BOOK}#2", "--address", "203.0.113.9")
    assert command(*again, "--dry-run")[1]["dry_run"] is True
    assert client.get("/shop/books/1").status_code == 429
    assert audited(database) == []
    code, found, _ = command(*again)
    assert (code, found["changed"]) == (0, True)
    assert command("limits", "show", *again[2:])[1]["standings"][0]["remaining"] == 5
    [(event, subject, data)] = audited(database)
    assert (event, subject) == ("ratelimit.reset", f"limit:{BOOK}#2")
    assert data == {"caller": found["caller"]}


def test_resetting_everybody_leaves_other_policies_as_they_are(
    command: Command, shared: redis.Redis, client: TestClient, database: Path
) -> None:
    assert [client.get("/shop/books/1").status_code for _ in range(6)] == [*[200] * 5, 429]
    again = ("limits", "reset", f"{BOOK}#2", "--everybody")
    assert command(*again, "--dry-run")[0] == 0
    assert client.get("/shop/books/1").status_code == 429
    code, found, _ = command(*again)
    assert (code, found["changed"], found["caller"]) == (0, True, "*")
    caller = ("--address", "203.0.113.9")
    standings = command("limits", "show", f"{BOOK}#2", *caller)[1]["standings"]
    assert [each["remaining"] for each in standings] == [5, 500]
    other = command("limits", "show", "everything", *caller)[1]["standings"]
    assert other[0]["remaining"] == 995
    [(event, subject, data)] = audited(database)
    assert (event, subject, data) == ("ratelimit.reset", f"limit:{BOOK}#2", {"caller": "*"})


def test_a_caller_is_named_by_what_the_policy_counts(
    command: Command, shared: redis.Redis, client: TestClient
) -> None:
    assert client.get("/shop/books/", headers={"X-Tenant": "acme"}).status_code == 200
    found = command("limits", "show", "lists", "--key", "acme")[1]
    assert [each["remaining"] for each in found["standings"]] == [6, 3]
    assert client.post("/auth/login", data={"username": "a@b.c", "password": "x"}).is_client_error
    found = command("limits", "show", "auth.sign-in", "--address", "203.0.113.9")[1]
    assert found["standings"][0]["remaining"] == 19
    code, _, err = command("limits", "show", "auth.sign-in", "--key", "acme")
    assert (code, "--address" in err) == (2, True)


def test_an_account_is_named_by_address_or_id(command: Command, shared: redis.Redis) -> None:
    user = command("users", "create", "ann@example.com", "--generate")[1]
    by_address = command("limits", "show", "everything", "--user", "ann@example.com")[1]
    by_id = command("limits", "show", "everything", "--user", user["id"])[1]
    assert by_address["caller"] == by_id["caller"]
    assert command("limits", "show", "everything", "--user", "bob@example.com")[0] == 4


def test_limits_that_each_caller_has_are_named_by_the_operator(
    command: Command, shared: redis.Redis
) -> None:
    asked = ("limits", "show", "api-key", "--key", "2c8f0a0e-0000-4000-8000-000000000000")
    code, _, err = command(*asked)
    assert (code, "--limit" in err) == (2, True)
    found = command(*asked, "--limit", "100/minute")[1]
    assert found["standings"][0]["remaining"] == 100


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("show", "nonsense"), 4),
        (("reset", "nonsense", "--address", "203.0.113.9"), 4),
        (("override", "nonsense", "--limit", "1/minute"), 4),
        (("lift", "nonsense"), 4),
        (("lift", "everything"), 4),
        (("reset", "everything"), 2),
        (("reset", "everything", "--everybody", "--address", "203.0.113.9"), 2),
        (("reset", "nonsense", "--everybody"), 4),
        (("reset", "api-key", "--everybody"), 2),
        (("reset", "everything", "--address", "nowhere"), 2),
        (("reset", "everything", "--address", "203.0.113.9", "--key", "x"), 2),
        (("override", "everything"), 2),
        (("override", "everything", "--limit", "many"), 2),
        (("override", "everything", "--limit", "1/minute", "--for", "soon"), 2),
        (("override", "everything", "--limit", "1/minute", "--for", "0m"), 2),
    ],
)
def test_what_cannot_be_done_says_why_and_does_nothing(
    command: Command,
    shared: redis.Redis,
    database: Path,
    arguments: tuple[str, ...],
    code: int,
) -> None:
    found, out, err = command("limits", *arguments)
    assert (found, out) == (code, "")
    assert json.loads(err)["error"]["message"]
    assert shared.dbsize() == 0
    assert audited(database) == []


def test_everybody_is_more_than_who_holds_a_role(
    command: Command, shared: redis.Redis, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text(PLANS)
    code, _, err = command("limits", "reset", "plans", "--everybody")
    assert (code, "--limit" in err) == (2, True)
    assert command("limits", "reset", "plans", "--everybody", "--limit", "9/minute")[0] == 0


def test_a_rehearsal_refuses_what_could_not_be_done(command: Command, shared: redis.Redis) -> None:
    assert command("limits", "reset", "api-key", "--everybody", "--dry-run")[:2] == (2, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--callers"),
        ("show", "everything", "--address", "203.0.113.9"),
        ("reset", "everything", "--address", "203.0.113.9"),
        ("reset", "everything", "--everybody"),
        ("override", "everything", "--limit", "1/minute"),
    ],
)
def test_the_memory_of_a_process_cannot_be_reached(
    command: Command, arguments: tuple[str, ...], database: Path
) -> None:
    code, out, err = command("limits", *arguments)
    assert (code, out) == (1, "")
    error = json.loads(err)["error"]
    assert error["code"] == "limits_in_process"
    assert "BACKOFFICE_REDIS_URL" in error["message"]
    assert audited(database) == []


def test_a_redis_that_is_away_is_6(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKOFFICE_REDIS_URL", "redis://127.0.0.1:1/0")
    code, out, err = command("limits", "list")
    assert (code, out, json.loads(err)["error"]["code"]) == (6, "", "limits_unavailable")


def test_tables_are_for_people(command: Command, shared: redis.Redis) -> None:
    assert command("limits", "list", as_json=False)[1].startswith("POLICY")
    shown = command("limits", "show", "everything", "--address", "203.0.113.9", as_json=False)[1]
    assert shown.splitlines()[0].split() == ["LIMIT", "REMAINING", "WAIT", "RESET", "SHADOW"]
    assert command("limits", "show", "everything", as_json=False)[1].startswith("POLICY")


def test_requests_count_under_the_names_that_are_listed(
    command: Command, client: TestClient
) -> None:
    listed = {each["policy"] for each in command("limits", "list")[1]}
    client.get("/shop/books/1")
    client.get("/shop/books/")
    client.get("/inner/deep")
    client.post("/auth/login", data={"username": "a@b.c", "password": "x"})
    with client.websocket_connect("/talk"):
        pass
    run: Run = client.app_state[STATE]
    counted = {policy for policy, _ in run.value(limit_metrics).checks}
    assert counted <= listed
    assert counted >= {
        "everything",
        "outside",
        "lists",
        "auth.sign-in",
        "WS /talk#2",
        "GET /deep main.deep",
    }


def test_an_operator_has_more_time_than_a_request(
    command: Command, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over a slow line."""
    with slow(redis_url, seconds=0.2) as url:
        monkeypatch.setenv("BACKOFFICE_REDIS_URL", url)
        monkeypatch.setenv("BACKOFFICE_RATELIMIT__REDIS_TIMEOUT", "0.05")
        code, found, _ = command("limits", "show", "everything", "--address", "203.0.113.9")
    assert (code, found["standings"][0]["remaining"]) == (0, 1000)


@contextmanager
def slow(url: str, seconds: float) -> Iterator[str]:
    """Stand before the Redis at `url`, and hold each answer back for so long."""
    address = urlsplit(url)

    class Delayed(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection((str(address.hostname), address.port or 0)) as server:
                back = threading.Thread(target=self.answer, args=(server,))
                back.start()
                while received := self.request.recv(65536):
                    server.sendall(received)
                server.shutdown(socket.SHUT_RDWR)
                back.join()

        def answer(self, server: socket.socket) -> None:
            while received := server.recv(65536):
                time.sleep(seconds)
                self.request.sendall(received)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Delayed) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        yield urlunsplit(address._replace(netloc=f"127.0.0.1:{proxy.server_address[1]}"))
        proxy.shutdown()
        thread.join()
