"""Policies: which objects somebody may act on, written once, as a condition of SQL.

The condition is the one truth. A list uses it as its filter; of a single object that is loaded it
is worked out in Python with SQL's own logic (`evaluation`), and where only the database can tell,
the database is asked. So both always agree.

A policy narrows a permission and grants nothing: one needs the permission too. Whoever holds `*`
passes every policy.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, and_, false, or_, select, true
from sqlalchemy import inspect as inspected
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncSession, async_object_session
from sqlalchemy.orm import Mapper, Session, object_session
from starlette.concurrency import run_in_threadpool

from backoffice.auth.evaluation import Unanswerable, truth
from backoffice.auth.permissions import EVERYTHING, parsed
from backoffice.auth.principals import Principal
from backoffice.auth.resources import resource_of
from backoffice.core import Database, InvalidInput, SetupError

Model = TypeVar("Model")
#: Who asks, and the model: the condition under which they may, or simply whether they may.
Rule = Callable[[Principal[Any], type[Model]], ColumnElement[bool] | bool]

#: The name of a resource, where an action alone is looked at.
_ANY = "any"
#: Looking is `view` in the admin and mostly `read` in an API: a policy for one holds for both.
LOOKING = ("view", "read")


class Policy(Generic[Model]):
    """Which objects of a model somebody may do these actions to; `policy(...)` makes it."""

    def __init__(self, model: type[Model], actions: tuple[str, ...], rule: Rule[Model]) -> None:
        self.model = model
        self.actions = _checked(model, actions)
        self.rule = rule
        self.__name__ = str(getattr(rule, "__name__", type(rule).__name__))
        self.__doc__ = rule.__doc__

    def __call__(self, who: Principal[Any], model: type[Model]) -> ColumnElement[bool] | bool:
        """What the function says."""
        return self.rule(who, model)

    def __repr__(self) -> str:
        actions = ", ".join(map(repr, self.actions))
        return f"<policy {self.__name__} of {self.model.__name__}: {actions}>"

    def condition(self, who: Principal[Any], model: type[Any]) -> ColumnElement[bool]:
        """The same as a condition on columns of the model; SetupError for what is none."""
        found: Any = self.rule(who, model)
        if isinstance(found, bool):
            return true() if found else false()
        try:
            condition = None if found is None else and_(true(), found)
        except ArgumentError:
            condition = None
        if condition is None:
            raise SetupError(
                f"the policy {self.__name__} gave {found!r}; return a condition such as "
                f"col({self.model.__name__}.owner_id) == who.id, or True or False"
            )
        return condition

    def filter(self, who: Principal[Any], model: type[Any]) -> ColumnElement[bool]:
        """The condition, for a statement about rows of the model."""
        condition = self.condition(who, model)
        # Another table beside the model's would be joined with every row of it: all would fit.
        own = inspected(model).tables
        if any(each not in own for each in select(true()).where(condition).get_final_froms()):
            raise SetupError(
                f"the policy {self.__name__} names a table beside {model.__name__}; ask for it in "
                "a sub-query: relation.has(...), relation.any(...), in_(select(...))"
            )
        return condition


def policy(model: type[Model], *actions: str) -> Callable[[Rule[Model]], Policy[Model]]:
    """Which objects of the model may be acted on: `@policy(Book, "change")` on a function.

    The function takes the caller and the model, and gives a condition on the model's columns, or
    True or False: `return col(book.owner_id) == who.id`. For `Auth(policies=[...])`; `auth.policy`
    does the same and hands it over at once.
    """

    def made(rule: Rule[Model]) -> Policy[Model]:
        return Policy(model, actions, rule)

    return made


class Policies:
    """The policies of an Auth, by model and action."""

    def __init__(self, given: Iterable[Policy[Any]] = ()) -> None:
        self._policies: dict[tuple[type[Any], str], Policy[Any]] = {}
        for each in given:
            self.add(each)

    def __iter__(self) -> Iterator[Policy[Any]]:
        yield from dict.fromkeys(self._policies.values())

    def add(self, added: Policy[Any]) -> None:
        """Take it in; SetupError where there is one for the action, of the model or a kin of it."""
        if not isinstance(added, Policy):
            raise SetupError(f"policies are made by @policy(Model, 'change'); got {added!r}")
        for action in added.actions:
            for (model, other), present in self._policies.items():
                if other == action and _are_kin(model, added.model):
                    raise SetupError(
                        f"two policies for {action!r} of {added.model.__name__}: {present!r} and "
                        f"{added!r}; make them one, by & or |"
                    )
        self._policies |= {(added.model, action): added for action in added.actions}

    def find(self, model: type[Any], action: str) -> Policy[Any] | None:
        """The policy for an action, of the model or one that it inherits from.

        SetupError for what has no table, and where rows of the model are also objects of one that
        inherits from it and alone has a policy: whoever lists the model would see them all.
        """
        if mapper_of(model) is None:
            raise SetupError(f"policies judge objects of classes with a table, not {model!r}")
        names = (action, *LOOKING) if action in LOOKING else (action,)
        for name in names:
            for each in model.__mro__:
                if (found := self._policies.get((each, name))) is not None:
                    return found
        for (other, name), narrower in self._policies.items():
            if name in names and _holds_rows_of(model, other):
                raise SetupError(
                    f"{narrower!r} leaves {model.__name__} open, of which every {other.__name__} "
                    f"is one; write it for {model.__name__}"
                )
        return None

    def permissions(self) -> Iterator[str]:
        """The permissions that these policies narrow, by the names of their models."""
        for each in self:
            for action in each.actions:
                with suppress(SetupError):
                    yield permission_of(each.model, action)[0]

    def clause(self, who: Principal[Any], model: type[Any], action: str) -> ColumnElement[bool]:
        """The condition on rows that somebody with the permission may act on."""
        found = self.find(model, action)
        if found is None or who.can(EVERYTHING):
            return true()
        return found.filter(who, model)

    async def among(
        self,
        who: Principal[Any],
        action: str,
        objects: Sequence[object],
        session: AsyncSession | None = None,
        database: Database | None = None,
    ) -> list[bool]:
        """Of each object, whether somebody with the permission may act on it.

        What Python cannot tell is asked in one statement for each model: in the session given,
        else the objects' own, else the database. An object without a row is none that one may.
        """
        answers = [False] * len(objects)
        for model in {type(each) for each in objects}:
            places = [index for index, each in enumerate(objects) if type(each) is model]
            several = [objects[each] for each in places]
            found = await self._of_model(who, model, action, several, session, database)
            for place, answer in zip(places, found, strict=True):
                answers[place] = answer
        return answers

    async def _of_model(
        self,
        who: Principal[Any],
        model: type[Any],
        action: str,
        objects: list[object],
        session: AsyncSession | None,
        database: Database | None,
    ) -> list[bool]:
        policy = self.find(model, action)
        if policy is None or who.can(EVERYTHING):
            return [True] * len(objects)
        condition = policy.condition(who, model)
        try:
            return [truth(condition, each) is True for each in objects]
        except Unanswerable:
            clause = policy.filter(who, model)
            return await _asked(model, clause, objects, session, database)


def permission_of(model: type[Any], action: str) -> tuple[str, str]:
    """The permission and the action of `read`, or of `novels:read` where it is written out."""
    permission = action if ":" in action else f"{resource_of(model)}:{action}"
    try:
        name = parsed(permission).partition(":")[2]
    except InvalidInput as error:
        raise SetupError(error.message) from None
    if name == EVERYTHING:
        raise SetupError(f"{action!r} is no action, of which there is a policy; name one")
    return permission, name


def mapper_of(model: object) -> Mapper[Any] | None:
    """The mapper of a class that has a table; None for anything else."""
    found = inspected(model, raiseerr=False) if isinstance(model, type) else None
    return found if isinstance(found, Mapper) else None


def nearest(name: str, known: Iterable[str]) -> str:
    """` (did you mean ...?)`, where one that is known is written nearly so; else nothing."""
    found = get_close_matches(name, list(known), 1)
    return f" (did you mean {found[0]}?)" if found else ""


def _checked(model: type[Any], actions: tuple[str, ...]) -> tuple[str, ...]:
    if mapper_of(model) is None:
        raise SetupError(f"a policy is for a class with a table, not for {model!r}")
    if not actions:
        raise SetupError(f'name the action: @policy({model.__name__}, "change")')
    for each in actions:
        if ":" in each or each == EVERYTHING:
            raise SetupError(f"{each!r} is no action; name it as in 'change' of books:change")
        permission_of(model, f"{_ANY}:{each}")
    return tuple(dict.fromkeys(actions))


def _holds_rows_of(model: type[Any], other: type[Any]) -> bool:
    """Whether rows of the other class, which inherits from the model, are rows of it as well."""
    return other is not model and issubclass(other, model) and not inspected(other).concrete


def _are_kin(one: type[Any], other: type[Any]) -> bool:
    return issubclass(one, other) or issubclass(other, one)


async def _asked(
    model: type[Any],
    clause: ColumnElement[bool],
    objects: list[object],
    session: AsyncSession | None,
    database: Database | None,
) -> list[bool]:
    """Whether each has a row that the clause fits."""
    own = object_session(objects[0])
    session = session or async_object_session(objects[0])
    if session is not None:
        await session.flush()
    keys = [inspected(each).identity for each in objects]
    statement = _statement(model, clause, [each for each in keys if each is not None])
    if session is not None:
        rows = await session.run_sync(_rows, statement)
    elif own is not None:
        rows = await run_in_threadpool(_rows, own, statement)
    elif database is not None:
        rows = await database.read(statement)
    else:
        raise SetupError(
            f"this policy of {model.__name__} needs the database, and the object has no session; "
            "give one by session=..."
        )
    fit = {tuple(each) for each in rows}
    return [each is not None and tuple(each) in fit for each in keys]


def _rows(session: Session, statement: Select[Any]) -> Sequence[Any]:
    # Past SQLModel's own `execute`, which it calls deprecated.
    return Session.execute(session, statement).all()


def _statement(
    model: type[Any], clause: ColumnElement[bool], keys: list[tuple[Any, ...]]
) -> Select[Any]:
    mapper: Mapper[Any] = inspected(model)
    columns = [
        getattr(model, mapper.get_property_by_column(each).key) for each in mapper.primary_key
    ]
    if len(columns) == 1:
        chosen: ColumnElement[bool] = columns[0].in_([each[0] for each in keys])
    else:
        pairs = (zip(columns, key, strict=True) for key in keys)
        chosen = or_(false(), *(and_(*(one == value for one, value in pair)) for pair in pairs))
    return select(*columns).where(chosen, clause)
