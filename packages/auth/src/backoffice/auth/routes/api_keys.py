"""The caller's API keys."""

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Request

from backoffice.auth.principals import Principal
from backoffice.auth.routes.answers import check_manages
from backoffice.auth.schemas import KeyCreated, KeyOut, KeyRotated, NewKey, Rotation

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def add(router: APIRouter, auth: "Auth") -> None:
    """Add the routes of one's own API keys."""
    services = auth.services
    signed_in = auth.require()

    @router.get("/api-keys")
    async def api_keys(request: Request, who: Annotated[Principal, signed_in]) -> list[KeyOut]:
        """The caller's keys, without their secrets."""
        check_manages(request, who)
        return [KeyOut.of(each) for each in await services.of(request).keys.of_user(who.id)]

    @router.post("/api-keys", status_code=201)
    async def create_api_key(
        request: Request, body: NewKey, who: Annotated[Principal, signed_in]
    ) -> KeyCreated:
        """Make a key that acts for the caller; its text is in this answer and nowhere else."""
        found = services.of(request)
        check_manages(request, who)
        owner = await found.users.get(who.id)
        key, text = await found.keys.create(owner, **dict(body), actor=who.name, by=who)
        return KeyCreated.with_text(key, text)

    @router.post("/api-keys/{id}/rotate", status_code=201)
    async def rotate_api_key(
        request: Request,
        id: uuid.UUID,
        body: Rotation,
        who: Annotated[Principal, signed_in],
    ) -> KeyRotated:
        """Replace one of the caller's keys; the old one goes on for the overlap."""
        check_manages(request, who)
        overlap = timedelta(seconds=body.overlap_seconds)
        old, key, text = await services.of(request).keys.rotate(
            id, overlap=overlap, owner=who.id, actor=who.name, by=who
        )
        return KeyRotated.of_both(old, key, text)

    @router.delete("/api-keys/{id}", status_code=204)
    async def revoke_api_key(
        request: Request, id: uuid.UUID, who: Annotated[Principal, signed_in]
    ) -> None:
        """Revoke one of the caller's keys, at once."""
        check_manages(request, who)
        await services.of(request).keys.revoke(id, owner=who.id, actor=who.name)
