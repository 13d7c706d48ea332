"""What is done to accounts: each by auth's services, of one or of many at a time."""

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import inspect as inspected
from sqlalchemy.exc import IntegrityError
from starlette.requests import Request
from starlette_admin.actions import ActionSelection, action
from starlette_admin.exceptions import FormValidationError

from backoffice.admin.accounts.views import AccountView
from backoffice.admin.constraints import explained
from backoffice.admin.visits import visit_of
from backoffice.auth import Principal, Services
from backoffice.auth.addresses import normal_email
from backoffice.auth.permissions import EVERYTHING
from backoffice.auth.reach import giving

#: What an account has to be for it to be done.
_FITS: dict[str, Callable[[Any, datetime], bool]] = {
    "activate": lambda user, _: not user.is_active,
    "deactivate": lambda user, _: user.is_active,
    "unlock": lambda user, now: user.locked_until is not None and user.locked_until > now,
    "lock": lambda user, now: user.locked_until is None or user.locked_until <= now,
    "new-password": lambda user, _: not user.is_service,
    "send-reset": lambda user, _: user.is_active and not user.is_service,
    "impersonate": lambda user, now: (
        user.is_active
        and not user.is_service
        and (user.locked_until is None or user.locked_until <= now)
    ),
}
#: The field that it writes.
_FIELD = {
    "activate": "is_active",
    "deactivate": "is_active",
    "lock": "locked_until",
    "unlock": "locked_until",
}
#: What nobody does to themselves: they would be out, or have a page of their own for it.
_NOT_ONESELF = frozenset({"delete", "deactivate", "lock", "impersonate", "new-password"})
#: What outlasts the rights of who does it, if those are for a while.
_LASTING = frozenset({"new-password", "send-reset"})


class UserActions(AccountView):
    """The actions of the page of users."""

    async def is_row_action_allowed_for_obj(self, request: Request, name: str, obj: Any) -> bool:
        """Nobody acts on those who may more, or against how the account stands."""
        principal, services = self.principal(request), visit_of(request).services
        fits = _FITS.get(name)
        if (fits and not fits(obj, services.clock.now())) or (
            name in _NOT_ONESELF and obj.id == principal.id
        ):
            return False
        if name == "send-reset" and not services.links.possible:
            return False
        if not self._may_write(request, _FIELD.get(name)):
            return False
        allowed = await super().is_row_action_allowed_for_obj(request, name, obj)
        if name in _LASTING and obj.id != principal.id:
            principal = await giving(principal, services)
        return allowed and await self._reaches(request, principal, [obj])

    async def judged(self, request: Request, verb: str, records: Sequence[Any]) -> list[bool]:
        """Each of them; for a deed, what all of them hold is looked up in the same go."""
        if verb not in ("view", "add"):
            await self._reaches(request, self.principal(request), records)
        return await super().judged(request, verb, records)

    async def _reaches(self, request: Request, principal: Principal, users: Sequence[Any]) -> bool:
        """Whether none of the users may do what the principal may not."""
        if principal.can(EVERYTHING):
            return True
        held = await self.held(request, (each.id for each in users))
        return all(each.id in held and principal.can(*held[each.id]) for each in users)

    def _may_write(self, request: Request, name: str | None) -> bool:
        return all(self.is_writable(request, each) for each in self.fields if each.name == name)

    @action(
        name="new-password",
        text="New password",
        confirmation="The old password ends, and every session. The new one is shown once.",
        submit_btn_text="Make a new password",
    )
    async def new_password(self, request: Request, selection: ActionSelection) -> None:
        """Set a generated password."""
        id, services = await self.only_id(selection), await self.services(request)
        password = self.generated(request)
        await services.users.set_password(id, password, actor=self.principal(request).name)

    @action(
        name="send-reset",
        text="Send a reset link",
        confirmation="The owner is sent a link to choose a new password by. The old password "
        "stays until then.",
        submit_btn_text="Send the link",
    )
    async def send_reset(self, request: Request, selection: ActionSelection) -> None:
        """Send a link by which the owner chooses a new password."""
        visit = visit_of(request)

        async def sent(services: Services, id: UUID, actor: str) -> None:
            await services.recovery.send_reset(id, visit.client, actor=actor)

        await self._each(request, selection, sent)

    @action(
        name="end-sessions",
        text="Sign out everywhere",
        confirmation="Every session ends, in browsers and elsewhere. API keys stay.",
        submit_btn_text="Sign out everywhere",
    )
    async def end_sessions(self, request: Request, selection: ActionSelection) -> None:
        """End all sessions."""
        visit = visit_of(request)

        async def ended(services: Services, id: UUID, actor: str) -> None:
            await services.sessions.end_all_of(id, actor=actor, client=visit.client)

        await self._each(request, selection, ended)

    @action(
        name="unlock",
        text="Unlock",
        confirmation="The account can be used again at once.",
        submit_btn_text="Unlock",
    )
    async def unlock(self, request: Request, selection: ActionSelection) -> None:
        """End a lock before its time."""

        async def unlocked(services: Services, id: UUID, actor: str) -> None:
            await services.users.unlock(id, actor=actor)

        await self._each(request, selection, unlocked)

    @action(
        name="deactivate",
        text="Deactivate",
        confirmation="Nobody can sign in to it, every session ends, and its API keys are refused, "
        "until it is activated again.",
        submit_btn_text="Deactivate",
    )
    async def deactivate(self, request: Request, selection: ActionSelection) -> None:
        """Take accounts out of use."""
        await self._set_active(request, selection, active=False)

    @action(
        name="activate",
        text="Activate",
        confirmation="The account can be used again, with the password, roles and keys it has.",
        submit_btn_text="Activate",
    )
    async def activate(self, request: Request, selection: ActionSelection) -> None:
        """Put accounts into use again."""
        await self._set_active(request, selection, active=True)

    async def _set_active(
        self, request: Request, selection: ActionSelection, *, active: bool
    ) -> None:
        for each in await selection.rows():
            await self.tried(request, "change", each, {"is_active": active})

        async def changed(services: Services, id: UUID, actor: str) -> None:
            await services.users.change(id, {"is_active": active}, actor=actor)

        await self._each(request, selection, changed)

    async def tried(
        self, request: Request, verb: str, user: Any, fields: Mapping[str, Any]
    ) -> None:
        """Forbidden where a policy refuses what becomes of the account: tried, and taken back."""
        if not self.has_policy(request, verb):
            return
        session, records = self.session(request), visit_of(request).services.records
        known = dict(fields)
        if "email" in known:
            known["email"] = normal_email(known["email"])
        try:
            async with session.begin_nested() as tried:
                if user is None:
                    user = await records.add(session, known)
                else:
                    await records.set(session, user, known)
                await self._check_policy(request, verb, user)
                await tried.rollback()
        except IntegrityError as error:
            raise FormValidationError(explained(error, self.model)) from None
        if inspected(user).persistent:
            await session.refresh(user)
        await session.commit()

    async def _each(
        self,
        request: Request,
        selection: ActionSelection,
        deed: Callable[[Services, UUID, str], Awaitable[None]],
    ) -> None:
        ids, services = await self.each_id(selection), await self.services(request)
        for id in ids:
            await deed(services, id, self.principal(request).name)

    def generated(self, request: Request) -> str:
        """A new password, which the answer to this request shows."""
        password = secrets.token_urlsafe(18)
        self.show_once(request, password)
        return password
