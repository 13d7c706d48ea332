"""What it costs to find out whether somebody may do something, by the number of policies.

    python benchmarks/permissions.py [policies ...]

A policy is one permission of one role; a role has ten, and the caller three roles, one of which
includes a fourth. Everything is on SQLite, in one process; figures are CPU microseconds, the best
of three rounds in which all have their turn.

| column | is |
|---|---|
| remembered | a guard of ours, for a key that this process has seen before |
| first | the same for one that it has not: one query |
| lazy | the user, the roles and the permissions of each, loaded as a mapped class loads them |
| casbin | pycasbin's `enforce`, with all policies in memory; the one that allows in the middle |
| refused | the same, for something that no policy allows |
"""

import asyncio
import os
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import casbin
from fastapi import FastAPI
from sqlalchemy import ForeignKey, insert
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from starlette.requests import HTTPConnection

from backoffice.auth import Auth, Role, User
from backoffice.auth.models import RoleInclusion, RolePermission, UserRole
from backoffice.auth.remembered import EVERYBODY
from backoffice.core import Database, Run
from backoffice.core.singletons import STATE
from backoffice.migrations import upgrade

SIZES = (10, 100, 1_000, 10_000, 100_000)
ROUNDS, SECONDS, PER_ROLE = 3, 0.3, 10
COLUMNS = ("remembered", "first", "lazy", "casbin", "refused")
MODEL = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
"""

Work = Callable[[], Awaitable[object]]


class Base(AsyncAttrs, DeclarativeBase):
    """The same tables, mapped as many apps map theirs."""


class LazyPermission(Base):
    __tablename__ = "backoffice_role_permission"
    role_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backoffice_role.id"), primary_key=True)
    permission: Mapped[str] = mapped_column(primary_key=True)


class LazyHolding(Base):
    __tablename__ = "backoffice_user_role"
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backoffice_user.id"), primary_key=True)
    role_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backoffice_role.id"), primary_key=True)


class LazyInclusion(Base):
    __tablename__ = "backoffice_role_inclusion"
    role_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("backoffice_role.id"), primary_key=True)
    included_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("backoffice_role.id"), primary_key=True
    )


class LazyRole(Base):
    __tablename__ = "backoffice_role"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    permissions: Mapped[list[LazyPermission]] = relationship()
    included: Mapped[list["LazyRole"]] = relationship(
        secondary="backoffice_role_inclusion",
        primaryjoin="LazyRole.id == LazyInclusion.role_id",
        secondaryjoin="LazyRole.id == LazyInclusion.included_id",
        viewonly=True,
    )


class LazyUser(Base):
    __tablename__ = "backoffice_user"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    roles: Mapped[list[LazyRole]] = relationship(secondary="backoffice_user_role", viewonly=True)


class Policies:
    """Roles with ten permissions each, and one user who holds three of them."""

    def __init__(self, count: int) -> None:
        self.roles = [Role(name=f"role {number}") for number in range(-(-count // PER_ROLE) + 3)]
        self.allowed = {
            role.id: [f"thing{number}:do{action}" for action in range(PER_ROLE)]
            for number, role in enumerate(self.roles)
        }
        self.held = (self.roles[0], self.roles[len(self.roles) // 2], self.roles[-1])
        self.included = self.roles[1]
        #: Of the role in the middle, the last.
        self.wanted = self.allowed[self.held[1].id][-1]

    async def write(self, database: Database, user: User) -> None:
        rows: dict[Any, list[dict[str, Any]]] = {
            Role: [each.model_dump() for each in self.roles],
            RolePermission: [
                {"role_id": id, "permission": each}
                for id, permissions in self.allowed.items()
                for each in permissions
            ],
            UserRole: [{"user_id": user.id, "role_id": each.id} for each in self.held],
            RoleInclusion: [{"role_id": self.held[0].id, "included_id": self.included.id}],
        }
        async with database.engine.begin() as connection:
            for table, values in rows.items():
                await connection.execute(insert(table), values)

    def enforcer(self, folder: Path) -> Any:
        """By a file, as casbin reads it: `add_policies` looks through all for each."""
        lines = [
            f"p, {role.name}, {permission.replace(':', ', ')}"
            for role in self.roles
            for permission in self.allowed[role.id]
        ]
        lines += [f"g, ann, {each.name}" for each in self.held]
        lines.append(f"g, {self.held[0].name}, {self.included.name}")
        (folder / "model.conf").write_text(MODEL)
        (folder / "policies.csv").write_text("\n".join(lines))
        return casbin.Enforcer(str(folder / "model.conf"), str(folder / "policies.csv"))


async def measured(count: int, folder: Path) -> dict[str, float]:
    policies, auth = Policies(count), Auth()
    guard: Any = auth.require(policies.wanted).dependency
    app = FastAPI()
    app.include_router(auth.router)
    app.get("/", dependencies=[auth.require(policies.wanted)])(lambda: None)
    async with Run(app) as run:
        services = await run.open(auth.services)
        user = await services.users.create_service("ann@example.com", actor="benchmark")
        await policies.write(services.database, user)
        _, key = await services.keys.create(user, "benchmark", actor="benchmark")
        enforcer = policies.enforcer(folder)

        async def remembered() -> None:
            scope = {
                "type": "http",
                "headers": [(b"x-api-key", key.encode())],
                "state": {STATE: run},
            }
            await guard(HTTPConnection(scope))

        async def first() -> None:
            services.resolver._remembered.forget(EVERYBODY)
            await remembered()

        async def lazy() -> None:
            assert policies.wanted in await lazily(services.database, user.id)

        async def casbin_allows() -> None:
            assert enforcer.enforce("ann", *policies.wanted.split(":"))

        async def casbin_refuses() -> None:
            assert not enforcer.enforce("ann", "thing", "undone")

        work = (remembered, first, lazy, casbin_allows, casbin_refuses)
        return await best(dict(zip(COLUMNS, work, strict=True)))


async def lazily(database: Database, id: uuid.UUID) -> set[str]:
    """As a loop over `user.roles` and `role.permissions` does it, a question for each."""
    found: set[str] = set()
    async with database.session() as session:
        user = await session.get_one(LazyUser, id)
        pending = list(await user.awaitable_attrs.roles)
        while pending:
            role = pending.pop()
            found |= {each.permission for each in await role.awaitable_attrs.permissions}
            pending += await role.awaitable_attrs.included
    return found


async def best(work: dict[str, Work]) -> dict[str, float]:
    found = dict.fromkeys(work, float("inf"))
    for _ in range(ROUNDS):
        for name, call in work.items():
            await call()
            calls, began, cpu = 0, time.monotonic(), time.process_time()
            while time.monotonic() < began + SECONDS:
                await call()
                calls += 1
            found[name] = min(found[name], (time.process_time() - cpu) / calls * 1e6)
    return found


def main(sizes: list[int]) -> None:
    print(f"{'policies':>9}" + "".join(f"{each:>12}" for each in COLUMNS) + "  microseconds")
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["BACKOFFICE_DATABASE_URL"] = url = f"sqlite:///{folder}/benchmark.db"
            os.environ["BACKOFFICE_SECRET_KEY"] = "k" * 32
            upgrade(url)
            found = asyncio.run(measured(count, Path(folder)))
            shown = "".join(f"{found[each]:12,.1f}" for each in COLUMNS)
            print(f"{count:9,}{shown}", flush=True)


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(SIZES))
