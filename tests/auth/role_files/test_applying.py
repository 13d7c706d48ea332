"""A file is applied whole or not at all, by the services, with their events."""

from datetime import timedelta
from textwrap import dedent

import anyio
import pytest
from sqlmodel import col, select

from backoffice.auth import User
from backoffice.auth.events import RoleGranted
from backoffice.auth.models import RolePermission, UserRole
from backoffice.auth.role_files import applying, writing
from backoffice.auth.role_files.applying import Plan
from backoffice.auth.role_files.changes import Change, Extended, Granted
from backoffice.auth.role_files.documents import document
from backoffice.core import Conflict, Forbidden, InvalidInput
from tests.auth.conftest import House

FILE = """
[roles.reader]
description = "Reads"
permissions = ["books:read"]

[roles.editor]
permissions = ["books:write"]
includes = ["reader"]
holders = ["ann@example.com"]

[users."bob@example.com"]
permissions = ["books:read"]
"""


SQLITE = pytest.mark.parametrize("databases", ["sqlite"], indirect=True)


@pytest.fixture
def staffed(house: House) -> House:
    """With Ann, Bob, and Root who may do everything."""
    house.user("ann@example.com")
    house.user("bob@example.com")
    house.user("root@example.com", superuser=True)
    return house


def plan(house: House, text: str, *, prune: bool = False) -> list[Change]:
    found = document(dedent(text))
    planned = house.call(applying.plan(house.services, found, prune=prune))
    return list(planned.difference.changes)


def apply(house: House, text: str, *, prune: bool = False) -> Plan:
    found = document(dedent(text))
    return house.call(applying.apply(house.services, found, prune=prune, actor="cli:ann"))


def exported(house: House) -> str:
    return writing.text(house.call(applying.export(house.services, holders=True)))


def events(house: House) -> list[tuple[str, str]]:
    entries = house.call(house.services.audit.entries(actor="cli:ann"))
    return sorted((each.event, str(each.data.get("change") or each.data)) for each in entries)


def user(house: House, email: str) -> User:
    return house.call(house.services.users.find(email))


def test_a_file_is_applied_with_the_events_of_each_change_and_then_there_is_nothing_to_do(
    staffed: House,
) -> None:
    assert apply(staffed, FILE).difference.changes
    told = events(staffed)
    assert [name for name, _ in told] == [
        "auth.permission_granted",
        "auth.role_changed",
        "auth.role_changed",
        "auth.role_changed",
        "auth.role_granted",
    ]
    assert [change for name, change in told if name == "auth.role_changed"] == [
        "created",
        "created",
        "includes reader",
    ]
    assert plan(staffed, FILE) == []
    assert apply(staffed, FILE).difference.changes == ()
    assert events(staffed) == told
    ann = staffed.call(staffed.services.effective.of_user(user(staffed, "ann@example.com").id))
    assert ann.permissions == {"books:read", "books:write"}


def test_what_was_taken_is_gone_on_the_next_request(staffed: House) -> None:
    apply(staffed, FILE)
    token = staffed.token()
    assert staffed.get("/books", token).status_code == 200
    apply(staffed, "[roles.editor]\npermissions = ['books:write']\nincludes = []")
    assert staffed.get("/books", token).status_code == 403


@SQLITE
def test_roles_that_are_not_in_the_file_go_by_prune_alone(staffed: House) -> None:
    apply(staffed, FILE)
    assert apply(staffed, "[roles.reader]").difference.unnamed == ("editor",)
    apply(staffed, "[roles.reader]", prune=True)
    assert exported(staffed).startswith("[roles.reader]\npermissions = []\nholders = []\n")


def test_an_inclusion_can_be_turned_around_and_what_is_exported_is_what_is(staffed: House) -> None:
    apply(staffed, FILE)
    turned = """\
    [roles.editor]
    permissions = ["books:write"]
    holders = [{ user = "bob@example.com", expires = 2999-01-31T00:00:00.000001Z }]

    [roles.reader]
    description = "Reads"
    permissions = ["books:read"]
    includes = ["editor"]
    holders = []

    [users."bob@example.com"]
    permissions = ["books:read"]
    """
    apply(staffed, turned)
    assert exported(staffed) == dedent(turned)
    assert plan(staffed, exported(staffed), prune=True) == []


def test_what_cannot_be_done_to_its_end_is_not_begun(house: House) -> None:
    @house.auth.within(RoleGranted)
    async def refuse(event: RoleGranted, session: object) -> None:
        raise Forbidden("not today")

    house.user("ann@example.com")
    house.user("bob@example.com")
    with pytest.raises(Forbidden, match="not today"):
        apply(house, FILE)
    assert exported(house) == "[roles]\n"
    assert events(house) == []


def test_two_who_apply_a_file_at_once_do_it_once(staffed: House) -> None:
    async def both() -> list[Plan]:
        found = document(FILE)
        plans: list[Plan] = []

        async def one(house: House) -> None:
            plans.append(await applying.apply(house.services, found, actor="cli:ann"))

        async with anyio.create_task_group() as group:
            group.start_soon(one, staffed)
            group.start_soon(one, staffed)
        return plans

    done = staffed.call(both())
    assert sorted(bool(each.difference.changes) for each in done) == [False, True]
    assert len(events(staffed)) == 5
    assert plan(staffed, FILE) == []


@SQLITE
@pytest.mark.parametrize(
    "text",
    [
        "[roles.admin]\npermissions = ['roles:change']\nholders = ['ann@example.com']",
        "[roles.admin]\npermissions = ['*']\nholders = []",
        "[roles]",
        "[roles.admin]\npermissions = ['*']\n"
        "holders = [{ user = 'ann@example.com', expires = 2999-01-01T00:00:00Z }]",
        "[roles.admin]\npermissions = ['*']\nholders = ['robot@example.com']",
    ],
    ids=["denied", "revoked", "deleted", "for a while", "a service"],
)
def test_somebody_is_left_who_may_run_the_back_office(house: House, text: str) -> None:
    ann = house.user("ann@example.com")
    robot = house.services.users.create_service("robot@example.com", actor="test")
    house.call(robot)
    house.accounts.role("admin", "*")
    house.call(house.services.roles.grant(ann.id, "admin", actor="test"))
    before = exported(house)
    with pytest.raises(Conflict, match="would be left") as refused:
        apply(house, text, prune=True)
    assert refused.value.code == "last_administrator"
    assert exported(house) == before
    house.user("root@example.com", superuser=True)
    apply(house, text, prune=True)
    assert exported(house) != before


@SQLITE
def test_where_nobody_may_run_it_anyway_there_is_nobody_to_keep(house: House) -> None:
    house.accounts.role("admin", "*")
    apply(house, "[roles]", prune=True)
    assert exported(house) == "[roles]\n"


@SQLITE
def test_a_file_that_cannot_be_applied_says_where_and_why(staffed: House) -> None:
    with pytest.raises(InvalidInput) as refused:
        plan(
            staffed,
            """\
            [roles.reader]
            permissions = ["books:read",
              "boks:write"]
            includes = ["nobody"]
            holders = ["eve@example.com"]
            [users."Ann.@example.com"]
            """.replace("Ann.", "dan"),
        )
    assert refused.value.message.splitlines() == [
        "roles.toml, line 4: roles.reader.includes[1]: there is no role nobody",
        "roles.toml, line 5: roles.reader.holders[1]: no user has the address eve@example.com",
        'roles.toml, line 6: users."dan@example.com": no user has the address dan@example.com',
        "roles.toml, line 3: roles.reader.permissions[2]: this app knows no permission "
        "'boks:write'; did you mean books:write?",
    ]


@SQLITE
def test_a_permission_that_the_code_knows_no_more_may_stay_where_it_is(staffed: House) -> None:
    role = staffed.accounts.role("reader")

    async def add() -> None:
        async with staffed.services.database.session() as session:
            session.add(RolePermission(role_id=role.id, permission="films:read"))
            await session.commit()

    staffed.call(add())
    assert plan(staffed, exported(staffed), prune=True) == []
    with pytest.raises(InvalidInput, match="films:read"):
        plan(staffed, "[roles.new]\npermissions = ['films:read']")


def test_a_grant_that_has_run_out_counts_for_nothing_and_can_be_made_again(
    staffed: House,
) -> None:
    apply(staffed, FILE)
    ann = user(staffed, "ann@example.com")

    async def end() -> None:
        async with staffed.services.database.session() as session:
            held = (
                await session.exec(select(UserRole).where(col(UserRole.user_id) == ann.id))
            ).one()
            held.expires_at = staffed.services.clock.now() - timedelta(seconds=1)
            session.add(held)
            await session.commit()

    staffed.call(end())
    [change] = plan(staffed, FILE)
    assert type(change) is Granted
    apply(staffed, FILE)
    ends = FILE.replace(
        '"ann@example.com"', '{ user = "ann@example.com", expires = 2999-01-01T00:00:00Z }'
    )
    [change] = plan(staffed, ends)
    assert type(change) is Extended
