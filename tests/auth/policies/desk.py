"""An app whose papers are seen, changed and thrown away by policies, field by field."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement
from sqlmodel import SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth import Allowed, Auth, Principal
from backoffice.core import session
from tests.auth.conftest import AppWithAccounts
from tests.auth.policies.papers import Paper, Papers, Shelf, State

Session = Annotated[AsyncSession, Depends(session)]


class PaperShown(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    level: int | None
    price: float | None = None
    state: State | None = None


class PaperChanges(BaseModel):
    level: int | None = None
    price: float | None = None
    state: State | None = None


class Desk(AppWithAccounts):
    """The app, which runs within `with desk:`."""

    def put(self, *records: SQLModel) -> None:
        async def added() -> None:
            database = self.services.database
            async with database.engine.begin() as connection:
                await connection.run_sync(Papers.metadata.create_all)
            async with database.session() as opened:
                opened.add_all(records)
                await opened.commit()

        self.call(added())


def team_of(who: Principal[Any]) -> str:
    """The last letter of the name in the address."""
    return who.email.partition("@")[0][-1]


def built() -> Desk:
    auth, app = Auth(), FastAPI()
    app.include_router(auth.router, prefix="/auth")
    auth.fields(
        Paper,
        read={"price": "papers:read-price"},
        write={"state": "papers:set-state"},
        schemas=[PaperShown, PaperChanges],
    )

    @auth.policy(Paper, "read")
    def seen(who: Principal, paper: type[Paper]) -> ColumnElement[bool]:
        own = (col(paper.owner_id) == who.id) | (col(paper.team) == team_of(who))
        return col(paper.public) | own

    @auth.policy(Paper, "change")
    def drafts(who: Principal, paper: type[Paper]) -> ColumnElement[bool]:
        return (col(paper.owner_id) == who.id) & (col(paper.state) != State.out)

    @auth.policy(Paper, "delete")
    def from_the_north(_: Principal, paper: type[Paper]) -> ColumnElement[bool]:
        north = select(Shelf.id).where(col(Shelf.room) == "north")
        return ~col(paper.shelf_id).in_(select(Shelf.id)) | col(paper.shelf_id).in_(north)

    async def paper_of(paper_id: int, opened: Session) -> AsyncIterator[Paper | None]:
        yield await opened.get(Paper, paper_id)

    @app.get("/papers")
    async def listed(
        who: Annotated[Principal, auth.require("papers:read")], opened: Session
    ) -> list[Allowed[PaperShown]]:
        query = select(Paper).where(auth.filter(who, Paper, "read")).order_by(col(Paper.id))
        return [PaperShown.model_validate(each) for each in await opened.exec(query)]

    @app.get("/papers/{paper_id}", dependencies=[auth.require("papers:read", on=paper_of)])
    async def shown(paper: Annotated[Paper, Depends(paper_of)]) -> Allowed[PaperShown]:
        return PaperShown.model_validate(paper)

    @app.patch("/papers/{paper_id}", dependencies=[auth.require("papers:change", on=paper_of)])
    async def changed(
        paper: Annotated[Paper, Depends(paper_of)], changes: Allowed[PaperChanges]
    ) -> Allowed[PaperShown]:
        paper.sqlmodel_update(changes.model_dump(exclude_unset=True))
        return PaperShown.model_validate(paper)

    @app.delete("/papers/{paper_id}", status_code=204)
    async def thrown_away(
        paper_id: int, who: Annotated[Principal, auth.require("papers:delete", on=paper_of)]
    ) -> None: ...

    return Desk(auth, app)
