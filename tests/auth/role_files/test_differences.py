"""What there is to do so that what is held becomes what is wanted."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from backoffice.auth.role_files import presentation
from backoffice.auth.role_files.changes import (
    Allowed,
    Change,
    Created,
    Deleted,
    Denied,
    Described,
    Excluded,
    Extended,
    Given,
    Granted,
    Included,
    Prolonged,
    Revoked,
    Taken,
)
from backoffice.auth.role_files.differences import difference, faults
from backoffice.auth.role_files.terms import Grants, RoleTerms, Terms

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LATER, PAST = NOW + timedelta(days=30), NOW - timedelta(days=1)


def role(
    *permissions: str, includes: Iterable[str] = (), holders: Grants | None = None
) -> RoleTerms:
    return RoleTerms("", frozenset(permissions), frozenset(includes), holders)


def changes(held: Terms, wanted: Terms, *, prune: bool = False) -> list[Change]:
    return list(difference(held, wanted, NOW, prune=prune).changes)


def test_a_new_role_is_made_before_another_one_includes_it() -> None:
    wanted = Terms({"a": role(includes=["b"]), "b": role("books:read")})
    assert changes(Terms(), wanted) == [
        Created("a"),
        Created("b"),
        Allowed("b", "books:read"),
        Included("a", "b"),
    ]


def test_a_role_is_to_be_exactly_as_the_file_says() -> None:
    held = Terms({"a": replace(role("books:read", "books:write"), description="Old")})
    wanted = Terms({"a": replace(role("books:read", "books:view"), description="New")})
    assert changes(held, wanted) == [
        Described("a", "Old", "New"),
        Denied("a", "books:write"),
        Allowed("a", "books:view"),
    ]


def test_an_inclusion_turned_around_is_taken_before_it_is_added() -> None:
    held = Terms({"a": role(includes=["b"]), "b": role()})
    wanted = Terms({"a": role(), "b": role(includes=["a"])})
    assert changes(held, wanted) == [Excluded("a", "b"), Included("b", "a")]


def test_a_role_that_is_not_in_the_file_stays_unless_it_is_pruned() -> None:
    held, wanted = Terms({"a": role(), "b": role()}), Terms({"a": role()})
    assert difference(held, wanted, NOW).changes == ()
    assert difference(held, wanted, NOW).unnamed == ("b",)
    assert changes(held, wanted, prune=True) == [Deleted("b")]


def test_who_holds_a_role_is_decided_where_holders_stand_in_the_file() -> None:
    held = Terms({"a": role(holders={"ann": None, "bob": None, "cy": LATER})})
    assert changes(held, Terms({"a": role()})) == []
    wanted = Terms({"a": role(holders={"bob": LATER, "cy": None, "dan": None})})
    assert changes(held, wanted) == [
        Revoked("a", "ann"),
        Extended("a", "bob", LATER),
        Extended("a", "cy", None),
        Granted("a", "dan", None),
    ]


def test_what_somebody_has_directly_is_decided_where_they_stand_in_the_file() -> None:
    held = Terms(users={"ann": {"a:b": None, "c:d": None}})
    assert changes(held, Terms()) == []
    wanted = Terms(users={"ann": {"c:d": LATER, "e:f": None}})
    assert changes(held, wanted) == [
        Taken("ann", "a:b"),
        Prolonged("ann", "c:d", LATER),
        Given("ann", "e:f", None),
    ]


def test_a_grant_that_is_over_is_not_made_again() -> None:
    wanted = Terms({"a": role(holders={"ann": PAST})}, {"bob": {"c:d": PAST}})
    found = difference(Terms({"a": role(holders={})}), wanted, NOW)
    assert found.changes == ()
    assert found.over == (
        "role a: held by ann until 2026-12-31T00:00:00Z",
        "user bob: c:d until 2026-12-31T00:00:00Z",
    )


def test_a_circle_is_refused_also_through_a_role_that_is_not_in_the_file() -> None:
    held = Terms({"b": role(includes=["a"])})
    [fault] = faults(held, Terms({"a": role(includes=["b"])}))
    assert (fault.path, fault.message) == (("roles", "a", "includes"), "a circle: a > b > a")
    [fault] = faults(Terms(), Terms({"a": role(includes=["a"])}))
    assert fault.message == "a circle: a > a"


def test_a_role_that_is_to_be_included_must_be_there() -> None:
    wanted = Terms({"a": role(includes=["readr"])})
    [fault] = faults(Terms({"reader": role()}), wanted)
    assert fault.message == "there is no role readr; did you mean reader?"
    held = Terms({"b": role()})
    assert faults(held, Terms({"a": role(includes=["b"])})) == []
    [fault] = faults(held, Terms({"a": role(includes=["b"])}), prune=True)
    assert fault.message == "there is no role b"


def test_a_chain_of_any_length_is_looked_through() -> None:
    names = [f"r{number:05}" for number in range(3000)]
    chain = {one: role(includes=[other]) for one, other in pairwise(names)}
    assert faults(Terms(), Terms({**chain, names[-1]: role()})) == []
    assert len(faults(Terms(), Terms({**chain, names[-1]: role(includes=["r00000"])}))) == 1


def test_the_changes_make_what_is_held_what_is_wanted() -> None:
    chance = random.Random(11)
    for _ in range(300):
        held, wanted = some(chance), some(chance)
        wanted = Terms(wanted.roles, {user: wanted.users.get(user, {}) for user in held.users})
        done = applied(held, changes(held, wanted, prune=True))
        assert done == wanted
        assert changes(done, wanted, prune=True) == []


def some(chance: random.Random) -> Terms:
    names = [each for each in "abcd" if chance.random() < 0.6]
    roles = {
        name: RoleTerms(
            chance.choice(["", "One", "Two"]),
            frozenset(each for each in ("x:a", "x:b", "*") if chance.random() < 0.5),
            frozenset(each for each in names if each > name and chance.random() < 0.5),
            grants(chance, "ABC"),
        )
        for name in names
    }
    return Terms(roles, {each: grants(chance, ["x:a", "y:a"]) for each in "AB"})


def grants(chance: random.Random, names: Iterable[str]) -> Grants:
    return {each: chance.choice([None, LATER]) for each in names if chance.random() < 0.5}


def applied(held: Terms, changes: Iterable[Change]) -> Terms:
    """The changes done one by one, each of which must be possible where it stands."""
    roles = {
        name: vars(each) | {"holders": dict(each.holders or {})}
        for name, each in held.roles.items()
    }
    users = {user: dict(each) for user, each in held.users.items()}
    for each in changes:
        match each:
            case Created(name):
                assert name not in roles
                roles[name] = vars(role()) | {"holders": {}}
            case Deleted(name):
                del roles[name]
                for other in roles.values():
                    other["includes"] -= {name}
            case Described(name, before, description):
                assert roles[name]["description"] == before
                roles[name]["description"] = description
            case Allowed(name, permission):
                assert permission not in roles[name]["permissions"]
                roles[name]["permissions"] |= {permission}
            case Denied(name, permission):
                assert permission in roles[name]["permissions"]
                roles[name]["permissions"] -= {permission}
            case Included(name, other_name):
                assert other_name in roles
                roles[name]["includes"] |= {other_name}
            case Excluded(name, other_name):
                assert other_name in roles[name]["includes"]
                roles[name]["includes"] -= {other_name}
            case Granted(name, user, ends):
                assert (user in roles[name]["holders"]) is isinstance(each, Extended)
                roles[name]["holders"][user] = ends
            case Revoked(name, user):
                del roles[name]["holders"][user]
            case Given(user, permission, ends):
                assert (permission in users[user]) is isinstance(each, Prolonged)
                users[user][permission] = ends
            case Taken(user, permission):
                del users[user][permission]
    return Terms({name: RoleTerms(**each) for name, each in roles.items()}, users)


def test_a_person_reads_it_by_role_and_user() -> None:
    held = Terms(
        {"editor": role("books:read", holders={"ann": None}), "old": role()}, {"bob": {"c:d": None}}
    )
    wanted = Terms(
        {
            "editor": replace(
                role("books:*", includes=["reader"], holders={}), description="Edits"
            ),
            "reader": role("books:read", holders={"ann": LATER}),
        },
        {"bob": {"c:d": LATER}},
    )
    found = difference(held, wanted, NOW, prune=True)
    assert presentation.text(found, {"editor": 1, "old": 1200}).splitlines() == [
        "~ role editor  (held by 1 account)",
        "    - held by ann",
        "    + description 'Edits'",
        "    - books:read",
        "    + books:*",
        "    + includes reader",
        "- role old  (held by 1,200 accounts)",
        "+ role reader",
        "    + books:read",
        "    + held by ann until 2027-01-31T00:00:00Z",
        "~ user bob",
        "    ~ c:d until 2027-01-31T00:00:00Z",
        "",
        "1 role to create, 1 role to change, 1 role to delete, 1 user to change",
    ]
    assert presentation.text(difference(wanted, wanted, NOW), {}) == "no difference"
