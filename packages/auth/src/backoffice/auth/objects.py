"""`auth.require(..., on=get_book)`: a guard that judges the object which a route is about.

| who calls | answer |
|---|---|
| nobody, or somebody who lacks the permission | the guard's 401 or 403, before anything is loaded |
| somebody, about an object that there is not | 404 |
| somebody whom a policy refuses, and who may not even see the object | the same 404 |
| somebody whom a policy refuses, and who may see it | 403 `not_permitted` |
"""

from collections.abc import Callable, Iterable, Iterator
from inspect import Parameter, Signature
from typing import Annotated, Any, get_args, get_type_hints

from fastapi import params
from starlette.requests import HTTPConnection

from backoffice.auth import refusals
from backoffice.auth.guards import Guard
from backoffice.auth.policies import LOOKING, Policies, mapper_of
from backoffice.auth.principals import Principal
from backoffice.auth.services import Services
from backoffice.auth.websockets import answer
from backoffice.core import Database, Forbidden, NotFound, Refusal, SetupError, Singleton


class ObjectGuard:
    """The caller of a route, who must hold what it asks for, and may do it to its object."""

    def __init__(
        self,
        guard: Guard,
        services: Singleton[Services],
        policies: Policies,
        on: Callable[..., Any],
    ) -> None:
        self.guard = guard
        self._services = services
        self._policies = policies
        self._on = on
        self._check()
        # The guard first: whoever it refuses has nothing loaded for them.
        solved = {
            "connection": HTTPConnection,
            "who": Annotated[Any, params.Depends(guard)],
            "found": Annotated[Any, params.Depends(on)],
        }
        self.__signature__ = Signature(
            [Parameter(name, Parameter.KEYWORD_ONLY, annotation=solved[name]) for name in solved]
        )

    async def __call__(
        self, connection: HTTPConnection, who: Principal[Any] | None, found: Any
    ) -> Principal[Any] | None:
        """The caller; refuses one whom a policy does not let at the object."""
        if who is None:  # a route that is public, whatever stands around it
            return None
        refusal = await self._refusal(connection, who, found)
        if refusal is None:
            return who
        if found is not None:
            refusals.note(connection, refusal, who)
        raise answer(connection, refusal) if connection.scope["type"] == "websocket" else refusal

    @property
    def object(self) -> str:
        """What the dependency that gives the object is called."""
        return _name(self._on)

    def check_policies(self) -> None:
        """SetupError where the object is known to be of a model that no policy is about."""
        for model in _models(self._on):
            self._check_policy(model)

    def _check_policy(self, model: type[Any]) -> None:
        if not any(self._policies.find(model, each) for each in self._actions()):
            actions = " or ".join(map(repr, self._actions()))
            raise SetupError(
                f"a route asks on={_name(self._on)} about {actions}, and {model.__name__} has "
                f"no policy for it; write @auth.policy({model.__name__}, {actions})"
            )

    def _check(self) -> None:
        if not callable(self._on):
            raise SetupError(f"on= takes the dependency that gives the object; got {self._on!r}")
        if "*" in self._actions() or not any(self._actions()):
            raise SetupError(
                f"on={_name(self._on)} needs a permission to judge the object by, such as "
                'auth.require("books:change", on=...)'
            )

    def _actions(self) -> list[str]:
        asked = (*self.guard.permissions, *self.guard.any_of)
        return list(dict.fromkeys(each.partition(":")[2] for each in asked))

    async def _refusal(
        self, connection: HTTPConnection, who: Principal[Any], found: Any
    ) -> Refusal | None:
        if found is not None:
            # Not every dependency says what it gives; of a row or a schema nothing can be judged.
            self._check_policy(type(found))
        judge = _Judge(who, found, self._policies, self._services.of(connection).database)
        every, some = self.guard.permissions, self.guard.any_of
        if (
            found is not None
            and await judge.permits_all(every)
            and (not some or await judge.permits_any(some))
        ):
            return None
        resources = dict.fromkeys(each.partition(":")[0] for each in (*every, *some))
        looking = (f"{each}:{action}" for each in resources for action in LOOKING)
        if found is not None and await judge.permits_any(looking):
            return Forbidden("You may not do this to it.", code="not_permitted")
        return NotFound("There is no such thing, or none that you may know of.")


class _Judge:
    """What somebody may do to an object."""

    def __init__(
        self, who: Principal[Any], found: object, policies: Policies, database: Database
    ) -> None:
        self._who = who
        self._found = found
        self._policies = policies
        self._database = database

    async def permits_all(self, permissions: Iterable[str]) -> bool:
        for each in permissions:
            if not await self._permits(each):
                return False
        return True

    async def permits_any(self, permissions: Iterable[str]) -> bool:
        for each in permissions:
            if await self._permits(each):
                return True
        return False

    async def _permits(self, permission: str) -> bool:
        if not self._who.can(permission):
            return False
        action = permission.partition(":")[2]
        (answer,) = await self._policies.among(
            self._who, action, [self._found], database=self._database
        )
        return answer


def _models(on: Callable[..., Any]) -> Iterator[type[Any]]:
    """The models that a dependency says it gives."""
    try:
        pending = [get_type_hints(on).get("return")]
    except (NameError, TypeError):
        return  # only FastAPI can tell, or nobody
    while pending:
        each = pending.pop()
        pending += get_args(each)
        if (mapper := mapper_of(each)) is not None:
            yield mapper.class_


def _name(on: Callable[..., Any]) -> str:
    return getattr(on, "__name__", type(on).__name__)
