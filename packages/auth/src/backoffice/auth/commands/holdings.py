"""`backoffice users grant` and `revoke`: roles, and permissions by no role."""

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.people import Whom, account, moment
from backoffice.auth.models import User
from backoffice.auth.permissions import parsed
from backoffice.auth.services import Services
from backoffice.core import InvalidInput
from backoffice.core.command import Command, rehearsed, span_of

holdings = typer.Typer()

What = Annotated[
    str | None,
    typer.Argument(metavar="[ROLE|PERMISSION]", help="A role, or a permission as books:read."),
]
Role = Annotated[str | None, typer.Option("--role", help="The role, whatever it is called.")]


@dataclass(frozen=True)
class Held:
    """What somebody is given, or is to hold no more: a role or a permission."""

    kind: str
    name: str

    @classmethod
    def of(cls, what: str | None, role: str | None) -> "Held":
        """What the arguments name; InvalidInput unless they name one thing."""
        if (what is None) == (role is None):
            raise InvalidInput("name a role or a permission, one of the two: books:read, --role x")
        if role is not None:
            return cls("role", role)
        name = what or ""
        return cls("permission" if _is_permission(name) else "role", name)

    def answer(self, user: User, changed: bool) -> dict[str, Any]:
        """What the command prints of it."""
        return {self.kind: self.name, "email": user.email, "changed": changed}


def _is_permission(text: str) -> bool:
    try:
        return parsed(text) == text
    except InvalidInput:
        return False


@holdings.command("grant")
@rehearsed
def grant(
    context: typer.Context,
    email: Whom,
    what: What = None,
    role: Role = None,
    expires: Annotated[str | None, typer.Option(help="Such as 12h, 30d or 8w.")] = None,
) -> None:
    """Give an account a role or a permission, for good or for a while."""
    held, span = Held.of(what, role), None if expires is None else span_of(expires)

    async def work(services: Services) -> dict[str, Any]:
        user = await account(services, email)
        until = None if span is None else services.clock.now() + span
        give = services.roles.grant if held.kind == "role" else services.grants.give
        changed = await give(user.id, held.name, until, actor=operator())
        return held.answer(user, changed) | {"expires_at": moment(until)}

    answer = within_app(context, work)
    until = f" until {answer['expires_at']}" if answer["expires_at"] else ""
    _tell(context, answer, f"holds {held.name}{until}", f"held {held.name} already")


@holdings.command("revoke")
@rehearsed
def revoke(context: typer.Context, email: Whom, what: What = None, role: Role = None) -> None:
    """Take a role, or a permission that was given by no role, from an account."""
    held = Held.of(what, role)

    async def work(services: Services) -> dict[str, Any]:
        user = await account(services, email)
        take = services.roles.revoke if held.kind == "role" else services.grants.take
        return held.answer(user, await take(user.id, held.name, actor=operator()))

    answer = within_app(context, work)
    _tell(context, answer, f"holds {held.name} no more", f"did not hold {held.name}")


def _tell(context: typer.Context, answer: dict[str, Any], done: str, was: str) -> None:
    command, changed = Command.of(context), answer["changed"]
    command.give(answer, f"{answer['email']} {done if changed else was}")
    command.end(changed)
