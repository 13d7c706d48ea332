"""Callers, papers, actions and fields, each with each, against a plain model: no difference."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import product
from typing import Any

from fastapi.testclient import TestClient
from httpx2 import Response

from backoffice.auth import User
from tests.auth.policies.desk import Desk, team_of
from tests.auth.policies.papers import Paper, State, shelves

SEED = 7
PAPERS = 8
PERMISSIONS = (
    "papers:read",
    "papers:change",
    "papers:delete",
    "papers:read-price",
    "papers:set-state",
)
CHANGES: list[dict[str, Any]] = [
    {"level": 3},
    {"price": 4.0},
    {"state": "d"},
    {"level": None, "price": None, "state": None},
]


@dataclass
class Caller:
    """Somebody, as the plain model knows them."""

    user: User
    client: TestClient
    held: frozenset[str]
    superuser: bool = False
    answers: list[str] = field(default_factory=list)

    def has(self, permission: str) -> bool:
        return self.superuser or permission in self.held

    def may(self, action: str, paper: Paper) -> bool:
        """What the policies say, in Python."""
        if not self.has(f"papers:{action}"):
            return False
        if self.superuser:
            return True
        if action == "read":
            own = paper.owner_id == self.user.id or paper.team == team_of(self.user)  # type: ignore[arg-type]
            return paper.public is True or own
        if action == "change":
            drafted = paper.state is not None and paper.state != State.out
            return paper.owner_id == self.user.id and drafted
        return paper.shelf_id == 2  # nothing is known of a paper on no shelf

    def expected(self, action: str, paper: Paper | None) -> tuple[int, str]:
        if not self.has(f"papers:{action}"):
            return 403, "insufficient_scope"
        if paper is not None and self.may(action, paper):
            return 200, ""
        if paper is not None and self.may("read", paper):
            return 403, "not_permitted"
        return 404, "not_found"

    def shown(self, paper: Paper) -> dict[str, Any]:
        price = None if paper.price is None else float(paper.price)
        readable = {"id": paper.id, "level": paper.level, "state": paper.state}
        return readable | ({"price": price} if self.has("papers:read-price") else {})

    def refused(self, changes: dict[str, Any]) -> list[str]:
        needed = {"price": "papers:read-price", "state": "papers:set-state"}
        return sorted(each for each in changes if each in needed and not self.has(needed[each]))


def callers(desk: Desk, chance: random.Random) -> list[Caller]:
    """With random permissions, nearly all of them able to look; and a superuser."""
    found: list[Caller] = []
    for number, team in enumerate("aabbcd"):
        held = {each for each in PERMISSIONS if chance.random() < 0.6}
        held |= {"papers:read"} if number % 5 else set()
        email = f"user{number}{team}@example.com"
        client = desk.accounts.signed_in(email, permissions=sorted(held))
        user = desk.call(desk.services.users.find(email))
        found.append(Caller(user, client, frozenset(held)))
    root = desk.accounts.signed_in("root@example.com", superuser=True)
    user = desk.call(desk.services.users.find("root@example.com"))
    return [*found, Caller(user, root, frozenset(), superuser=True)]


def papers(chance: random.Random, owners: list[User]) -> list[Paper]:
    def paper(number: int) -> Paper:
        return Paper(
            id=number,
            owner_id=chance.choice([None, *(each.id for each in owners)]),
            team=chance.choice([None, "a", "b", "A"]),
            level=chance.choice([None, 1]),
            public=chance.choice([None, False, False, True]),
            state=chance.choice([None, State.draft, State.draft, State.out]),
            price=chance.choice([None, Decimal("2.00")]),
            shelf_id=chance.choice([None, 1, 2, 3]),
        )

    return [Paper(id=1), *map(paper, range(2, PAPERS + 1))]


def code(answer: Response) -> str:
    detail = {} if answer.status_code < 400 else answer.json()["detail"]
    return str(detail.get("code", ""))


def differences_of(caller: Caller, paper: Paper | None) -> list[Any]:
    """What the app answers otherwise than the model does, of one paper."""
    path = f"/papers/{paper.id if paper else PAPERS + 1}"
    found: list[Any] = []
    read, gone = caller.client.get(path), caller.client.delete(path)
    for action, answer in (("read", read), ("delete", gone)):
        status, expected = caller.expected(action, paper)
        got = (200 if answer.status_code == 204 else answer.status_code, code(answer))
        found += [(action, path, got)] * (got != (status, expected))
    if read.status_code == 200 and paper and read.json() != caller.shown(paper):
        found.append((path, read.json()))
    for changes in CHANGES:
        found += differences_of_change(caller, paper, path, changes)
    return found


def differences_of_change(
    caller: Caller, paper: Paper | None, path: str, changes: dict[str, Any]
) -> list[Any]:
    status, expected = caller.expected("change", paper)
    refused = caller.refused(changes)
    if status == 200 and refused:
        status, expected = 403, "field_not_permitted"
    answer = caller.client.patch(path, json=changes)
    if (answer.status_code, code(answer)) != (status, expected):
        return [("change", path, changes, answer.status_code, answer.text)]
    if expected == "field_not_permitted" and answer.json()["detail"]["fields"] != refused:
        return [answer.text]
    hidden = status == 200 and "price" in answer.json() and not caller.has("papers:read-price")
    return [answer.text] * hidden


def mix(everybody: list[Caller], plain: list[Paper]) -> Iterator[tuple[Caller, str, Paper]]:
    yield from product(everybody, ("read", "change", "delete"), plain)


def test_every_answer_is_that_of_the_plain_model(desk: Desk) -> None:
    """Lists show what single answers let be seen, and nothing else."""
    chance = random.Random(SEED)
    everybody = callers(desk, chance)
    every = papers(chance, [each.user for each in everybody])
    plain = [Paper(**each.model_dump()) for each in every]
    desk.put(*shelves(), *every)
    found: list[Any] = []
    for caller, paper in product(everybody, [*plain, None]):
        found += [(caller.user.email, each) for each in differences_of(caller, paper)]
    for caller in everybody:
        listed = caller.client.get("/papers")
        expected = [caller.shown(each) for each in plain if caller.may("read", each)]
        if listed.status_code == 200:
            found += [(caller.user.email, listed.text)] * (listed.json() != expected)
        else:
            assert not caller.has("papers:read")
    assert found == []
    every_answer = {each.expected(action, paper) for each, action, paper in mix(everybody, plain)}
    assert len(every_answer) == 4, "nothing that may be answered is left out"
