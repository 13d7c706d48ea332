"""`backoffice users create`, `ensure`, and what else changes an account."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from backoffice.auth.addresses import normal_email
from backoffice.auth.commands.accounts import operator, within_app
from backoffice.auth.commands.passwords import FromFile, FromStdin, Generate, chosen_password
from backoffice.auth.commands.people import Whom, account, shown
from backoffice.auth.models import User
from backoffice.auth.services import Services
from backoffice.core import Conflict, InvalidInput, NotFound
from backoffice.core.command import Command, rehearsed

changes = typer.Typer()

Email = Annotated[str, typer.Argument(help="The account's address.")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role to hold; repeatable.")]
Service = Annotated[
    bool, typer.Option("--service", help="A program's: it has keys, and cannot sign in.")
]
Superuser = Annotated[
    bool | None, typer.Option("--superuser/--no-superuser", help="May do everything.")
]
Active = Annotated[bool | None, typer.Option("--active/--inactive", help="May sign in.")]
Verified = Annotated[
    bool | None, typer.Option("--verified/--unverified", help="The address is known to be theirs.")
]


@dataclass(frozen=True)
class _NewAccount:
    """An account that is to be made, and where its password comes from."""

    email: str
    service: bool
    roles: Sequence[str]
    #: Read from stdin, from a file, or made.
    sources: tuple[bool, Path | None, bool]
    superuser: bool = False
    active: bool = True
    verified: bool = False

    def check(self) -> None:
        """InvalidInput for a service with a password."""
        if self.service and (self.superuser or any(self.sources)):
            raise InvalidInput("a service has no password and is no superuser; give it a --role")

    def password(self) -> tuple[str, bool]:
        """The password, and whether it was made here."""
        return ("", False) if self.service else chosen_password(*self.sources)

    async def make(self, services: Services, password: str) -> dict[str, Any]:
        """The account as it is printed, once it is made."""
        # Looked up first: a role that does not exist must not leave half an account.
        names = [(await services.roles.find(name)).name for name in self.roles]
        flags: dict[str, Any] = {"active": self.active, "verified": self.verified}
        if self.service:
            user = await services.users.create_service(
                self.email, roles=names, actor=operator(), **flags
            )
        else:
            user = await services.users.create(
                self.email,
                password,
                superuser=self.superuser,
                roles=names,
                actor=operator(),
                **flags,
            )
        return shown(user, sorted(names))


@changes.command("create")
@rehearsed
def create(
    context: typer.Context,
    email: Email,
    superuser: Annotated[bool, typer.Option("--superuser", help="May do everything.")] = False,
    service: Service = False,
    role: Roles = None,
    password_stdin: FromStdin = False,
    password_file: FromFile = None,
    generate: Generate = False,
) -> None:
    """Create an account."""
    sources = (password_stdin, password_file, generate)
    new = _NewAccount(email, service, role or (), sources, superuser=superuser)
    new.check()
    password, made = new.password()
    answer = within_app(context, lambda services: new.make(services, password))
    told = f"{answer['id']}  {answer['email']}"
    _give_new(Command.of(context), answer, told, password if made else "")


@changes.command("ensure")
@rehearsed
def ensure(
    context: typer.Context,
    email: Email,
    superuser: Superuser = None,
    active: Active = None,
    verified: Verified = None,
    service: Service = False,
    role: Roles = None,
    password_stdin: FromStdin = False,
    password_file: FromFile = None,
    generate: Generate = False,
) -> None:
    """Have an account be so, made or changed only where it must be; says whether it was.

    Roles are added to those held, and what is not named stays as it is. The password is for an
    account that is made: that of one that is there stays.
    """
    new = _NewAccount(
        email,
        service,
        role or (),
        (password_stdin, password_file, generate),
        superuser=bool(superuser),
        active=active is not False,
        verified=bool(verified),
    )
    new.check()
    fields = _named(is_superuser=superuser, is_active=active, is_verified=verified)
    made: list[str] = []

    async def work(services: Services) -> dict[str, Any]:
        if (user := await _found(services, email)) is not None:
            _check_kind(user, service)
            return await _settled(services, user, fields, new.roles)
        password, generated = new.password()
        made.extend([password] if generated else [])
        return await new.make(services, password) | {"changed": True, "created": True}

    answer, command = within_app(context, work), Command.of(context)
    if answer["created"]:
        _give_new(command, answer, f"{answer['email']} is created", "".join(made))
    else:
        _give_settled(command, answer)
    command.end(answer["changed"])


@changes.command("update")
@rehearsed
def update(
    context: typer.Context,
    email: Whom,
    new_email: Annotated[
        str | None, typer.Option("--email", help="Another address; it counts as unproved.")
    ] = None,
    superuser: Superuser = None,
    active: Active = None,
    verified: Verified = None,
) -> None:
    """Change what is named of an account, all at once or not at all."""
    fields = _named(email=new_email, is_superuser=superuser, is_active=active, is_verified=verified)
    if not fields:
        raise InvalidInput("say what to change: --email, --superuser, --active or --verified")
    _set(context, email, fields)


@changes.command("activate")
@rehearsed
def activate(context: typer.Context, email: Whom) -> None:
    """Let an account sign in again."""
    _set(context, email, {"is_active": True})


@changes.command("deactivate")
@rehearsed
def deactivate(context: typer.Context, email: Whom) -> None:
    """Shut an account out, at once: its sessions end, and its keys are good no more."""
    _set(context, email, {"is_active": False})


@changes.command("unlock")
@rehearsed
def unlock(context: typer.Context, email: Whom) -> None:
    """End an account's lock, and forget the passwords that strangers tried at it."""
    command = Command.of(context)

    async def work(services: Services) -> dict[str, Any]:
        user = await account(services, email)
        changed = await services.users.unlock(user.id, actor=operator())
        if not command.dry_run:
            await services.guesses.forgive(user.email)
        return {"id": str(user.id), "email": user.email, "changed": changed}

    answer = within_app(context, work)
    told = "is unlocked" if answer["changed"] else "was not locked"
    command.give(answer, f"{answer['email']} {told}")
    command.end(answer["changed"])


@changes.command("delete")
@rehearsed
def delete(context: typer.Context, email: Whom) -> None:
    """Delete an account, with its sessions and keys."""
    command = Command.of(context)
    command.confirm(f"Delete {email}, with its sessions and keys?")

    async def work(services: Services) -> dict[str, Any]:
        user = await account(services, email)
        await services.users.delete(user.id, actor=operator())
        return {"id": str(user.id), "email": user.email, "deleted": True}

    answer = within_app(context, work)
    command.give(answer, f"{answer['email']} is deleted")


@changes.command("set-password")
@rehearsed
def set_password(
    context: typer.Context,
    email: Whom,
    password_stdin: FromStdin = False,
    password_file: FromFile = None,
    generate: Generate = False,
) -> None:
    """Set an account's password; all its sessions end."""
    password, made = chosen_password(password_stdin, password_file, generate)

    async def work(services: Services) -> User:
        user = await account(services, email)
        await services.users.set_password(user.id, password, actor=operator())
        return user

    user = within_app(context, work)
    answer = {"id": str(user.id), "email": user.email}
    told = f"the password of {user.email} is set"
    _give(Command.of(context), answer, told, password if made else "")


def _set(context: typer.Context, email: str, fields: dict[str, Any]) -> None:
    async def work(services: Services) -> dict[str, Any]:
        return await _settled(services, await account(services, email), fields, ())

    answer, command = within_app(context, work), Command.of(context)
    _give_settled(command, answer)
    command.end(answer["changed"])


async def _found(services: Services, email: str) -> User | None:
    try:
        return await services.users.find(email)
    except NotFound:
        return None


def _check_kind(user: User, service: bool) -> None:
    if user.is_service != service:
        kind = "a service" if user.is_service else "no service"
        raise Conflict(f"{user.email} is {kind}, and stays so", code="other_kind")


async def _settled(
    services: Services, user: User, fields: dict[str, Any], roles: Sequence[str]
) -> dict[str, Any]:
    """The account as it is printed, once it is so; `changes` names what was not."""
    if "email" in fields:
        fields = {**fields, "email": normal_email(fields["email"])}
    held = await services.roles.of_user(user.id)
    missing = [(await services.roles.find(name)).name for name in roles if name not in held]
    changes = [name for name, value in fields.items() if getattr(user, name) != value]
    if changes:
        user = await services.users.change(user.id, fields, actor=operator())
    for name in missing:
        await services.roles.grant(user.id, name, actor=operator())
    changes += [f"role {name}" for name in missing]
    answer = shown(user, sorted({*held, *missing}))
    return answer | {"changed": bool(changes), "created": False, "changes": changes}


def _give_settled(command: Command, answer: dict[str, Any]) -> None:
    named = ", ".join(answer["changes"])
    told = f"{answer['email']}: {named} changed" if named else f"{answer['email']} is so already"
    command.give(answer, told)


def _give_new(command: Command, answer: dict[str, Any], told: str, password: str) -> None:
    if command.dry_run:  # nobody has this id
        answer, told = {**answer, "id": None}, f"{answer['email']} would be created"
    _give(command, answer, told, password)


def _give(command: Command, answer: dict[str, Any], told: str, password: str) -> None:
    """With the password that was made here, unless it opens nothing."""
    if password and not command.dry_run:
        answer, told = {**answer, "password": password}, f"{told}\npassword: {password}"
    command.give(answer, told)


def _named(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
