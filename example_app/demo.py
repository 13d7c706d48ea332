"""The shop with rows and accounts, ready to be tried: `python -m example_app.demo --port 8000`.

All it makes is in one folder, `var/demo/` unless `--data` names another: the database, the secret
key and the passwords. Starting again finds them there, so that sessions and keys go on working.
Mail is shown in the terminal, and its links lead to the pages of the admin.
What the environment says (`BACKOFFICE_DATABASE_URL` and its sisters) comes first.
"""

import argparse
import contextlib
import errno
import os
import secrets
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import anyio
import uvicorn

from backoffice.auth import Services
from backoffice.core import (
    BackofficeError,
    Conflict,
    Database,
    Run,
    Settings,
    SetupError,
    configure_logging,
)
from backoffice.core.settings import load
from backoffice.migrations import AppHistory, upgrade
from example_app.accounts import auth
from example_app.main import app
from example_app.seed import seeded

HERE = Path(__file__).resolve().parent
ADDRESS = "127.0.0.1"
ACTOR = "cli:demo"
CHANGED = "(it was changed; no longer the one that was made here)"

#: A role each, with an account that holds it; the administrator needs none. In the admin one may
#: view, add, change, delete, export or import; `read` and `write` are what the routes of the shop
#: ask for.
ROLES = {
    "editor": ("admin:enter", "books:*", "authors:*", "reviews:*"),
    "support": (
        *("admin:enter", "orders:view", "orders:change", "order-lines:view", "books:view"),
        *("orders:read", "orders:write", "books:read"),
    ),
}

#: Where mail goes, and the pages of the admin that its links lead to.
PAGES = {
    "BACKOFFICE_MAIL__URL": "console:",
    "BACKOFFICE_AUTH__VERIFY_PAGE": "/admin/verify?token={token}",
    "BACKOFFICE_AUTH__RESET_PAGE": "/admin/reset-password?token={token}",
    "BACKOFFICE_AUTH__FORGOT_PAGE": "/admin/forgot-password",
    "BACKOFFICE_AUTH__SIGN_IN_PAGE": "/admin/login",
}


class Account(NamedTuple):
    email: str
    password: str


def main() -> None:
    os.umask(0o077)  # nobody else reads what is made here
    options = arguments()
    try:
        with listening(options.port) as listener:
            data = options.data.resolve()
            made = environment(data, address_of(listener))
            tables(load(Settings).database_url.get_secret_value())
            introduce(listener, anyio.run(accounts, data), made)
            serve(listener)
    except BackofficeError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m example_app.demo", description=__doc__)
    parser.add_argument("--port", type=port, default=8000, help="0 takes any that is free")
    parser.add_argument("--data", type=Path, default=HERE.parent / "var" / "demo")
    return parser.parse_args()


def port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 2**16):
        raise argparse.ArgumentTypeError(f"{text!r} is no port; take one of 0 to 65535")
    return int(text)


def listening(port: int) -> socket.socket:
    """Taken before anything is made: where there is no port, nothing is begun."""
    try:
        return socket.create_server((ADDRESS, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = f"make demo PORT={(port + 1) % 2**16}"
            raise SetupError(f"port {port} is in use; take another: {advice}") from None
        raise SetupError(f"port {port} cannot be taken: {error.strerror}") from None


def address_of(listener: socket.socket) -> str:
    return f"http://{ADDRESS}:{listener.getsockname()[1]}"


def environment(data: Path, address: str) -> dict[str, str]:
    """Set what the environment leaves open; gives the words by which a shell sets the same."""
    data.mkdir(parents=True, exist_ok=True)
    wanted = {
        "BACKOFFICE_DATABASE_URL": f"sqlite:///{data / 'bookshop.db'}",
        "BACKOFFICE_AUTH__PUBLIC_URL": address,
        **PAGES,
    }
    made = {name: value for name, value in wanted.items() if not os.environ.get(name)}
    os.environ.update(made)
    if not os.environ.get("BACKOFFICE_SECRET_KEY"):
        file = data / "secret_key"
        os.environ["BACKOFFICE_SECRET_KEY"] = kept(file, 48)
        made["BACKOFFICE_SECRET_KEY"] = f"$(cat '{file}')"
    return made


def kept(file: Path, size: int) -> str:
    """The secret in this file; made of so many bytes of chance where there is no such file."""
    if not file.exists():
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.touch(0o600)
        draft.write_text(secrets.token_urlsafe(size))
        # Linked, not renamed: of two that start at once, both go on with what the first one made.
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
        draft.unlink()
    return file.read_text()


def tables(url: str) -> None:
    upgrade(url, AppHistory(HERE / "alembic.ini"), tell=tell)
    rows = seeded(Database(url))
    if rows:
        tell(", ".join(f"{count} {kind}" for kind, count in rows.items()) + "\n")


def tell(text: str) -> None:
    print(text, end="", file=sys.stderr)


async def accounts(data: Path) -> dict[str, Account]:
    """The administrator and an account for each role, made where they are missing."""
    async with Run(app) as run:
        services = await run.open(auth.services)
        found = {"admin": await account(services, data, "admin", superuser=True)}
        for role, permissions in ROLES.items():
            with contextlib.suppress(Conflict):
                await services.roles.create(role, permissions, actor=ACTOR)
            found[role] = await account(services, data, role, roles=[role])
    return found


async def account(
    services: Services, data: Path, name: str, *, superuser: bool = False, roles: Sequence[str] = ()
) -> Account:
    email = f"{name}@example.com"
    password = kept(data / f"{name}_password", 15)
    try:
        await services.users.create(email, password, superuser=superuser, roles=roles, actor=ACTOR)
    except Conflict:
        # Never set anew: that would end its sessions.
        if not await opens(services, email, password):
            return Account(email, CHANGED)
    return Account(email, password)


async def opens(services: Services, email: str, password: str) -> bool:
    user = await services.users.find(email)
    async with services.database.session() as session:
        return await services.users.manager(session).right_password(user, password)


def introduce(listener: socket.socket, accounts: dict[str, Account], made: dict[str, str]) -> None:
    """Say where the shop is and who may enter: on stdout, at once, for people and for scripts."""
    admin = accounts.pop("admin")
    print(f"url: {address_of(listener)}")
    print(f"admin: {admin.email}\npassword: {admin.password}")
    for role, (email, password) in accounts.items():
        print(f"{role}: {email} {password}")
    settings = "".join(f'\nexport {name}="{value}"' for name, value in made.items())
    if settings:
        tell(f"For the backoffice command in another shell:{settings}\n")
    sys.stdout.flush()


def serve(listener: socket.socket) -> None:
    """Until Ctrl-C; stdout is left to what was said above."""
    configure_logging()
    # No proxy stands before it: what a client says of its own address is not believed.
    config = uvicorn.Config(app, log_config=None, proxy_headers=False)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
