"""Rules of an app: policies of its objects, and permissions of their fields. `Auth` takes them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from sqlalchemy import ColumnElement, false
from sqlalchemy.ext.asyncio import AsyncSession

from backoffice.auth.declarations import Declarations
from backoffice.auth.fields import FieldRules
from backoffice.auth.policies import Model, Policies, Policy, Rule, permission_of, policy
from backoffice.auth.principals import Principal


class Rules:
    """What an app says, in code, of who may do what to which of its objects."""

    def __init__(self, policies: Iterable[Policy[Any]] = ()) -> None:
        #: The permissions that code names besides the guards of routes.
        self.declarations = Declarations()
        #: Which objects somebody may act on.
        self.policies = Policies(policies)
        #: Which fields somebody may read or write.
        self.field_rules = FieldRules()

    def policy(self, model: type[Model], *actions: str) -> Callable[[Rule[Model]], Policy[Model]]:
        """Which objects of the model may be acted on: `@auth.policy(Book, "change")`.

        The function takes the caller and the model, and gives a condition on its columns, or True
        or False. It narrows the permission `books:change`, which one needs as well. SetupError
        where there is a policy for the action already.
        """

        def declared(rule: Rule[Model]) -> Policy[Model]:
            made = policy(model, *actions)(rule)
            self.policies.add(made)
            return made

        return declared

    def filter(
        self, who: Principal[Any] | None, model: type[Any], action: str
    ) -> ColumnElement[bool]:
        """The condition on rows that somebody may act on: `select(Book).where(auth.filter(...))`.

        Nothing fits for a stranger, or without the permission, which `action` names: `read` is
        `books:read`; write out `novels:read` where the resource is not called after the model.
        """
        permission, action = permission_of(model, action)
        if who is None or not who.can(permission):
            return false()
        return self.policies.clause(who, model, action)

    async def permits(
        self,
        who: Principal[Any] | None,
        found: object,
        action: str,
        session: AsyncSession | None = None,
    ) -> bool:
        """Whether somebody may act on this object; says of it what `filter` says of its row.

        `session` is for an object that belongs to none, if the policy needs the database.
        """
        permission, action = permission_of(type(found), action)
        if who is None or not who.can(permission):
            return False
        return (await self.policies.among(who, action, [found], session))[0]

    def fields(
        self,
        model: type[Any],
        *,
        read: Mapping[str, str] | None = None,
        write: Mapping[str, str] | None = None,
        schemas: Sequence[type[BaseModel]] = (),
    ) -> None:
        """Which permission it takes to read or write a field: `read={"cost": "books:read-cost"}`.

        Who may not read a field may not write it either, unless `write` names a permission for it.
        The admin keeps to it, and so does `Allowed[Schema]` for each of the schemas and those that
        inherit from them; a field is called there as in the model. SetupError for a name that is
        no field.
        """
        self.field_rules.declare(model, read or {}, write or {}, schemas)
        for each in (*(read or {}).values(), *(write or {}).values()):
            self.declarations.ask(each, f"auth.fields({model.__name__})")
