"""Policies are declared once, mean what they say, and refuse to be written in ways that leak."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import ColumnElement, ForeignKey, event
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlmodel import col

from backoffice.auth import Auth, Policy, Principal, policy
from backoffice.auth.policies import Policies
from backoffice.core import SetupError
from tests.auth.policies.desk import Desk, PaperShown
from tests.auth.policies.papers import ANN, Line, Paper, Shelf, shelves

ANYBODY = Principal(
    id=ANN,
    kind="user",
    method="jwt",
    permissions=frozenset({"papers:*", "lines:*", "shelves:*"}),
    email="ann@example.com",
    auth_time=datetime(2026, 1, 1, tzinfo=UTC),
)
ROOT = replace(ANYBODY, permissions=frozenset({"*"}))


@policy(Paper, "change", "delete")
def own(who: Principal, paper: type[Paper]) -> ColumnElement[bool]:
    return col(paper.owner_id) == who.id


@policy(Paper, "read")
def cheap(_: Principal, paper: type[Paper]) -> ColumnElement[bool]:
    """Which only the database can tell."""
    return col(paper.price) < Decimal(2)


def condition(found: ColumnElement[bool]) -> str:
    return str(found.compile(compile_kwargs={"literal_binds": True})).replace("\n", "")


def test_a_policy_is_one_for_each_of_its_actions() -> None:
    auth = Auth(policies=[own])
    for action in ("change", "delete"):
        assert "owner_id =" in condition(auth.filter(ANYBODY, Paper, action))


def test_looking_is_read_or_view_by_one_policy() -> None:
    auth = Auth(policies=[cheap])
    assert "price <" in condition(auth.filter(ANYBODY, Paper, "view"))
    assert "price <" in condition(auth.filter(ANYBODY, Paper, "read"))


def test_nothing_fits_without_the_permission() -> None:
    auth = Auth(policies=[own])
    nobody = replace(ANYBODY, permissions=frozenset({"papers:read"}))
    assert condition(auth.filter(nobody, Paper, "change")) == "false"
    assert condition(auth.filter(None, Paper, "change")) == "false"


def test_all_fits_for_the_holder_of_everything_and_where_no_policy_narrows() -> None:
    auth = Auth(policies=[own])
    assert condition(auth.filter(ROOT, Paper, "change")) == "true"
    assert condition(auth.filter(ANYBODY, Paper, "read")) == "true"


def test_a_permission_written_out_is_for_a_resource_of_another_name() -> None:
    auth = Auth(policies=[own])
    who = replace(ANYBODY, permissions=frozenset({"essays:change"}))
    assert condition(auth.filter(who, Paper, "change")) == "false"
    assert "owner_id =" in condition(auth.filter(who, Paper, "essays:change"))


def test_true_and_false_are_conditions_too() -> None:
    auth = Auth()

    @auth.policy(Line, "move")
    def only_ann(who: Principal, _: type[Line]) -> bool:
        return who.id == ANN

    assert condition(auth.filter(ANYBODY, Line, "move")) == "true"
    stranger = replace(ANYBODY, id=uuid4())
    assert condition(auth.filter(stranger, Line, "move")) == "false"


@pytest.mark.parametrize(
    "given",
    [None, "owner", 1, Paper, object()],
    ids=["nothing", "text", "number", "model", "object"],
)
def test_a_policy_that_gives_no_condition_stops_the_request(given: Any) -> None:
    """Forgotten `return` included: what is no answer is never yes."""
    auth = Auth(policies=[Policy(Paper, ("read",), lambda who, paper: given)])
    with pytest.raises(SetupError, match="return a condition"):
        auth.filter(ANYBODY, Paper, "read")


def test_a_table_beside_the_models_is_refused() -> None:
    """It would be joined with every row of the list: all of them would fit."""
    auth = Auth(policies=[Policy(Paper, ("read",), lambda who, paper: col(Shelf.room) == "north")])
    with pytest.raises(SetupError, match="sub-query"):
        auth.filter(ANYBODY, Paper, "read")


def test_two_policies_for_an_action_are_refused() -> None:
    again: Policy[Any] = Policy(Paper, ("delete",), lambda who, paper: True)
    with pytest.raises(SetupError, match="two policies for 'delete' of Paper"):
        Auth(policies=[own, again])
    auth = Auth(policies=[own])
    with pytest.raises(SetupError, match="two policies"):
        auth.policy(Paper, "change")(lambda who, paper: False)
    assert condition(auth.filter(ANYBODY, Paper, "change")) != "false"


class Base(DeclarativeBase): ...


class Animal(Base):
    __tablename__ = "policy_animal"
    __mapper_args__ = {"polymorphic_on": "kind"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    tame: Mapped[bool]


class Dog(Animal):
    __tablename__ = "policy_dog"
    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(ForeignKey(Animal.id), primary_key=True)


def test_a_policy_holds_for_models_that_inherit_and_leaves_them_none_of_their_own() -> None:
    """A list of animals would go by the one, a single dog by the other."""

    @policy(Animal, "view")
    def tame(_: Principal, animal: type[Animal]) -> ColumnElement[bool]:
        return animal.tame.is_(True)

    who = replace(ANYBODY, permissions=frozenset({"dogs:view"}))
    auth = Auth(policies=[tame])
    assert "tame IS" in condition(auth.filter(who, Dog, "view"))
    for model, present in ((Dog, tame), (Animal, policy(Dog, "view")(lambda who, dog: True))):
        with pytest.raises(SetupError, match="two policies for 'view'"):
            Policies([present, Policy(model, ("view",), lambda who, model: True)])


def test_a_policy_of_what_inherits_does_not_leave_a_list_of_all_open() -> None:
    """Nor a policy that calls looking by its other name."""
    auth = Auth(policies=[policy(Dog, "view")(lambda who, dog: False)])
    who = replace(ANYBODY, permissions=frozenset({"animals:*", "dogs:*"}))
    assert condition(auth.filter(who, Dog, "view")) == "false"
    for action in ("view", "read"):
        with pytest.raises(SetupError, match="leaves Animal open"):
            auth.filter(who, Animal, action)
    assert condition(auth.filter(who, Animal, "change")) == "true"


@pytest.mark.anyio
async def test_what_inherits_is_told_by_the_columns_that_it_inherits() -> None:
    rule: Policy[Any] = Policy(Animal, ("view",), lambda who, animal: animal.tame.is_(True))
    dogs = [Dog(id=1, tame=True), Dog(id=2, tame=False)]
    assert await Policies([rule]).among(ANYBODY, "view", dogs) == [True, False]


class _Odd(Base):
    __tablename__ = "policy_odd"

    id: Mapped[int] = mapped_column(primary_key=True)


def test_a_class_whose_name_makes_no_resource_is_asked_for_by_another() -> None:
    auth = Auth(policies=[policy(_Odd, "view")(lambda who, odd: odd.id == 1)])
    who = replace(ANYBODY, permissions=frozenset({"odds:view"}))
    assert "id =" in condition(auth.filter(who, _Odd, "odds:view"))
    assert list(auth.policies.permissions()) == []
    with pytest.raises(SetupError, match="not a permission"):
        auth.filter(who, _Odd, "view")


def test_all_actions_at_once_are_none_that_a_policy_is_about() -> None:
    """Of which there is no policy: all would fit, whatever those of single ones say."""
    auth = Auth(policies=[own])
    for action in ("papers:*", "*"):
        with pytest.raises(SetupError, match="is no action"):
            auth.filter(ANYBODY, Paper, action)


@pytest.mark.anyio
async def test_what_has_no_table_is_not_judged() -> None:
    """A schema that is asked about in place of the object would be let through."""
    auth = Auth(policies=[own])
    with pytest.raises(SetupError, match="classes with a table"):
        await auth.permits(ANYBODY, PaperShown(id=1, level=1), "papers:change")


@pytest.mark.parametrize("actions", [(), ("*",), ("papers:change",), ("Change",)])
def test_an_action_is_named_as_in_a_permission(actions: tuple[str, ...]) -> None:
    with pytest.raises(SetupError):
        policy(Paper, *actions)(lambda who, paper: True)


def test_a_policy_is_for_a_class_with_a_table() -> None:
    with pytest.raises(SetupError, match="a class with a table"):
        policy(dict, "change")(lambda who, model: True)
    with pytest.raises(SetupError, match="made by @policy"):
        Policies([own.rule])  # type: ignore[list-item]


def test_a_single_object_is_asked_for_in_its_own_session(desk: Desk) -> None:
    """With what is not committed yet; one that was never stored is none that one may."""
    desk.put(*shelves(), Paper(id=1, price=Decimal(1)))
    auth = Auth(policies=[cheap])

    async def answers() -> list[bool]:
        async with desk.services.database.session() as session:
            paper = await session.get(Paper, 1)
            found = [await auth.permits(ANYBODY, paper, "read")]
            assert paper is not None
            paper.price = Decimal(3)
            found.append(await auth.permits(ANYBODY, paper, "read"))
            new = Paper(price=Decimal(1))
            found.append(await auth.permits(ANYBODY, new, "read", session))
            session.add(new)
            found.append(await auth.permits(ANYBODY, new, "read"))
            return found

    assert desk.call(answers()) == [True, False, False, True]


def test_objects_without_a_session_need_one_or_a_database(desk: Desk) -> None:
    paper, stored = Paper(id=1, price=Decimal(1)), Paper(id=1, price=Decimal(1))
    desk.put(stored)
    policies = Policies([cheap])
    database = desk.services.database
    found = desk.call(policies.among(ANYBODY, "read", [stored], database=database))
    assert found == [True]
    with pytest.raises(SetupError, match="session="):
        desk.call(policies.among(ANYBODY, "read", [paper]))


def test_objects_of_a_synchronous_session_are_judged_too(desk: Desk) -> None:
    """As a `def` route has them."""
    desk.put(Paper(id=1, price=Decimal(1)), Paper(id=2, price=Decimal(2)))
    with desk.services.database.sync_session() as session:
        every = [session.get(Paper, 1), session.get(Paper, 2)]
        found = desk.call(Policies([cheap]).among(ANYBODY, "read", every))
    assert found == [True, False]


def test_many_objects_are_asked_for_in_one_statement(desk: Desk) -> None:
    """Of a key of two columns as well."""
    lines = [Line(paper_id=1, number=each, price=Decimal(each)) for each in range(1, 4)]
    desk.put(*lines)
    rule: Policy[Line] = Policy(Line, ("read",), lambda who, line: col(line.price) > Decimal(1))
    statements: list[str] = []

    async def answers() -> list[bool]:
        async with desk.services.database.session() as session:
            every = [await session.get(Line, (1, each)) for each in (3, 1, 2)]
            found = (await session.connection()).sync_connection
            event.listen(found, "before_cursor_execute", lambda *told: statements.append(told[2]))
            return await Policies([rule]).among(ANYBODY, "read", every)

    assert desk.call(answers()) == [True, False, True]
    assert len(statements) == 1
