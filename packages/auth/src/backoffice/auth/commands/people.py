"""Whom the verbs of accounts are about, and how they print them."""

from datetime import datetime
from typing import Annotated, Any

import typer

from backoffice.auth.models import User
from backoffice.auth.services import Services
from backoffice.core import NotFound

Whom = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's address, or its id.")]
OfUser = Annotated[str, typer.Option("--user", help="The account's address, or its id.")]


async def account(services: Services, written: str) -> User:
    """The account with that address or id; NotFound if there is none."""
    if "@" in written:
        return await services.users.find(written)
    try:
        id = services.records.read_id(written.lower())
    except ValueError:
        raise NotFound(f"{written!r} is neither an address nor an id of an account") from None
    return await services.users.get(id)


def shown(user: User, roles: list[str]) -> dict[str, Any]:
    """A user as the command prints it: never the hash."""
    return {
        "id": str(user.id),
        "email": user.email,
        "is_active": user.is_active,
        "is_superuser": user.is_superuser,
        "is_verified": user.is_verified,
        "is_service": user.is_service,
        "roles": roles,
        "created_at": moment(user.created_at),
    }


def moment(at: datetime | None) -> str | None:
    """None for what never was, such as the making of a user of an adopted table."""
    return None if at is None else at.isoformat(timespec="seconds")
