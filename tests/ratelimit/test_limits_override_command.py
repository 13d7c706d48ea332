"""`backoffice limits override` and `lift`: what an operator puts in place of the code's limits."""

import sqlite3
import time
from pathlib import Path

import redis
from fastapi.testclient import TestClient

from backoffice.ratelimit.overrides import MOST
from tests.ratelimit.commanding import BOOK, Command, audited


def test_an_override_holds_until_it_is_lifted(
    command: Command, shared: redis.Redis, client: TestClient, database: Path
) -> None:
    override = ("limits", "override", f"{BOOK}#2", "--limit", "2/minute", "--limit", "9/day")
    assert command(*override, "--dry-run")[1]["dry_run"] is True
    assert list(shared.scan_iter()) == []
    code, found, _ = command(*override, "--for", "1h")
    assert (code, found["limits"], found["seconds"]) == (0, ["2/minute", "9/day"], 3600)
    [listed] = [each for each in command("limits", "list")[1] if each["policy"] == f"{BOOK}#2"]
    assert listed["limits"] == ["5/minute", "500/day"]
    assert listed["overridden"][0].startswith("2/minute, 9/day, 3")
    await_policy(client, '"2/minute"')
    assert [client.get("/shop/books/1").status_code for _ in range(2)] == [200, 429]
    shown = command("limits", "show", f"{BOOK}#2", "--address", "203.0.113.9")[1]
    assert (shown["overridden"], shown["standings"][0]["remaining"]) == (True, 0)
    assert command("limits", "lift", f"{BOOK}#2")[1]["lifted"] is True
    assert command("limits", "lift", f"{BOOK}#2")[0] == 4
    await_policy(client, '"5/minute"')
    assert [(event, data.get("seconds")) for event, _, data in audited(database)] == [
        ("ratelimit.overridden", 3600),
        ("ratelimit.override_lifted", None),
    ]


def test_an_override_can_be_for_one_caller(
    command: Command, shared: redis.Redis, client: TestClient
) -> None:
    whom = ("--key", "acme")
    assert command("limits", "override", "lists", "--limit", "1/minute", *whom)[0] == 0
    assert command("limits", "lift", "lists")[0] == 4
    found = command("limits", "show", "lists", *whom)[1]
    assert [each["limit"] for each in found["standings"]] == ["1/minute"]
    other = command("limits", "show", "lists", "--key", "umbrella")[1]
    assert [each["limit"] for each in other["standings"]] == ["7/minute", "3 concurrent"]
    assert command("limits", "lift", "lists", *whom)[0] == 0


def test_what_the_code_has_dropped_can_be_lifted(command: Command, shared: redis.Redis) -> None:
    shared.hset("backoffice:{overrides}", "* GET /gone", "0 1/minute")
    assert command("limits", "lift", "GET /gone")[0] == 0
    assert list(shared.scan_iter()) == []


def test_what_the_audit_log_cannot_take_is_not_done(
    command: Command, shared: redis.Redis, database: Path
) -> None:
    with sqlite3.connect(database) as connection:
        connection.execute("DROP TABLE backoffice_audit")
    assert command("limits", "override", "everything", "--limit", "1/minute")[0] != 0
    assert list(shared.scan_iter()) == []


def test_what_there_is_no_room_for_is_neither_done_nor_logged(
    command: Command, shared: redis.Redis, database: Path
) -> None:
    for number in range(MOST):
        shared.hset("backoffice:{overrides}", f"* GET /{number}", "0 1/minute")
    code, out, err = command("limits", "override", "everything", "--limit", "1/minute")
    assert (code, out, "lift some first" in err) == (5, "", True)
    assert shared.hlen("backoffice:{overrides}") == MOST
    assert audited(database) == []


def await_policy(client: TestClient, wanted: str) -> None:
    """Ask until the app holds that limit, which it does about a second later."""
    since = time.monotonic()
    while wanted not in client.get("/shop/books/1").headers["RateLimit-Policy"]:
        assert time.monotonic() - since < 30
        time.sleep(0.05)
