"""What is written is read back as the same terms, and written again as the same bytes."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from backoffice.auth.role_files.documents import Notation, document
from backoffice.auth.role_files.reading import terms
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms
from backoffice.auth.role_files.writing import text

EXPECTED = """\
[roles.reader]
permissions = ["books:read"]

[roles."support staff"]
description = "Helps \\"readers\\"\\nand others"
permissions = [
    "a-permission-of-a-long-name:read",
    "a-permission-of-a-long-name:refund",
    "a-permission-of-a-long-name:write",
]
includes = ["reader"]
holders = ["ann@example.com", { user = "bob@example.com", expires = 2027-01-31T00:00:00Z }]

[users."cy@example.com"]
permissions = ["books:*"]
"""
WRITTEN = Terms(
    {
        "support staff": RoleTerms(
            'Helps "readers"\nand others',
            frozenset(
                f"a-permission-of-a-long-name:{each}" for each in ("write", "read", "refund")
            ),
            frozenset({"reader"}),
            {"bob@example.com": datetime(2027, 1, 31, tzinfo=UTC), "ann@example.com": None},
        ),
        "reader": RoleTerms(permissions=frozenset({"books:read"})),
    },
    {"cy@example.com": {"books:*": None}},
)
STRANGE = "\x00\x07\x7f\x85\u2028\ufeff\ud7ff\U0001f600\"'\\\n\r\t #=:-[]{}é%&*!|>"
NAMES = ("a", "1", "no", "null", "-", "support staff", "=", "[x]", "a.b", "é", '"', "\\", "#")


def test_roles_are_written_in_order_for_people_to_read() -> None:
    assert text(WRITTEN) == EXPECTED


@pytest.mark.parametrize("notation", ["toml", "yaml"])
def test_no_role_at_all_is_written_and_read(notation: Notation) -> None:
    assert terms(document(text(Terms(), notation), notation)) == Terms()


@pytest.mark.parametrize("notation", ["toml", "yaml"])
def test_whatever_is_written_is_read_back(notation: Notation) -> None:
    chance = random.Random(7)
    for _ in range(60):
        made = some(chance)
        written = text(made, notation)
        again = terms(document(written, notation))
        assert again == made
        assert text(again, notation) == written


def some(chance: random.Random) -> Terms:
    names = chance.sample(NAMES, chance.randrange(len(NAMES)))
    roles = {
        name: RoleTerms(
            "".join(chance.choices(STRANGE.replace("\x00", ""), k=chance.randrange(9))),
            frozenset(permissions(chance)),
            frozenset(chance.sample(names, chance.randrange(len(names)))),
            grants(chance, addresses(chance)) if chance.random() < 0.5 else None,
        )
        for name in names
    }
    return Terms(roles, {each: grants(chance, permissions(chance)) for each in addresses(chance)})


def permissions(chance: random.Random) -> list[str]:
    return chance.sample(["*", "books:*", "books:read", "a.b-c_d:e.f"], chance.randrange(5))


def addresses(chance: random.Random) -> list[str]:
    known = ["ann@example.com", "o'neil+x@example.com", "é@exämple.com", "1@example.com"]
    return chance.sample(known, chance.randrange(5))


def grants(chance: random.Random, names: list[str]) -> Grants:
    moment = datetime(2027, 1, 31, tzinfo=UTC)
    ends = (None, moment, moment + timedelta(microseconds=chance.randrange(10**12)))
    return {each: chance.choice(ends) for each in names}
