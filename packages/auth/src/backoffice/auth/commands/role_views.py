"""`backoffice roles list`, `show` and `matrix`: a look at roles."""

from typing import Annotated, Any

import typer
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import role_records
from backoffice.auth.commands.accounts import within_app
from backoffice.auth.models import Role
from backoffice.auth.role_files.standing import holder_counts
from backoffice.auth.role_matrix import Matrix, matrix
from backoffice.auth.services import Services
from backoffice.core.command import Command
from backoffice.core.tables import cell

role_views = typer.Typer()

Name = Annotated[str, typer.Argument(help="The role's name.")]


@role_views.command("show")
def show(context: typer.Context, name: Name) -> None:
    """Show a role: what it has by itself and in all, and how many hold it."""

    async def work(services: Services) -> dict[str, Any]:
        async with services.database.session() as session:
            role = await role_records.named(session, name)
            included = await role_records.inclusions_by_role(session)
            names = {each.id: each.name for each, _ in await services.roles.all()}
            counts = await holder_counts(session, [name], services.clock.now())
            answer = await shown(session, role)
        allows = (await services.effective.of_roles([role.id]))[role.id]
        return answer | {
            "allows": sorted(allows),
            "included_by": sorted(
                names[id] for id, each in included.items() if name in each and id in names
            ),
            "held_by": counts.get(name, 0),
        }

    answer = within_app(context, work, reads=True)
    width = max(map(len, answer))
    lines = (f"{key.ljust(width)}  {cell(value)}".rstrip() for key, value in answer.items())
    Command.of(context).give(answer, "\n".join(lines))


@role_views.command("list")
def list_roles(context: typer.Context) -> None:
    """List roles with the permissions and the roles that each has by itself."""

    async def work(services: Services) -> list[dict[str, Any]]:
        included = await services.roles.inclusions()
        return [
            _row(role, permissions, included.get(role.id, []))
            for role, permissions in await services.roles.all()
        ]

    columns = ("name", "description", "permissions", "includes")
    Command.of(context).give_rows(within_app(context, work, reads=True), columns)


@role_views.command("matrix")
def show_matrix(
    context: typer.Context,
    role: Annotated[list[str] | None, typer.Option(help="Only that role; repeatable.")] = None,
    resource: Annotated[
        list[str] | None, typer.Option(help="Only its permissions, as of books; repeatable.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Answer in CSV.")] = False,
) -> None:
    """Show which role allows which permission: x by itself, i by a role that it includes."""

    async def work(services: Services) -> Matrix:
        return await matrix(services, role or (), resource or ())

    found = within_app(context, work, reads=True)
    text = found.csv().rstrip("\n") if as_csv else found.text()
    Command.of(context).give(found.data(), text)


async def shown(session: AsyncSession, role: Role) -> dict[str, Any]:
    """A role as the command prints it, with what it has by itself."""
    permissions = sorted(await role_records.permissions(session, role.id))
    return _row(role, permissions, sorted(await role_records.included(session, role.id)))


def _row(role: Role, permissions: list[str], includes: list[str]) -> dict[str, Any]:
    return {
        "id": str(role.id),
        "name": role.name,
        "description": role.description,
        "permissions": permissions,
        "includes": includes,
    }
