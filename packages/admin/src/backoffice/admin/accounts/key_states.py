"""How a key stands: in use, about to end, used no more, ended. Shown, and filtered by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlmodel import col
from starlette.requests import Request
from starlette_admin.contrib.sqla.filters import EqualFilter
from starlette_admin.fields import BaseField, EnumField
from starlette_admin.filters import FilterApplyContext, filters
from starlette_admin.filters.base import BaseFilter

from backoffice.admin.list_filters import ListFilters
from backoffice.admin.visits import visit_of
from backoffice.auth import ApiKey

#: How long before its end a key is told to expire, and how long after its last use to be stale.
EXPIRING, STALE = timedelta(days=30), timedelta(days=90)
STATES = (
    ("in-use", "In use"),
    ("expiring", "Expires within 30 days"),
    ("endless", "Never expires"),
    ("stale", "Not used for 90 days"),
    ("ran-out", "Ran out"),
    ("revoked", "Revoked"),
)
#: The columns that it is told by: hidden where one of them is.
TOLD_BY = frozenset({"created_at", "expires_at", "last_used_at", "revoked_at"})


@dataclass
class KeyStateField(EnumField):
    """The states of a key, in words."""

    multiple: bool = True


def state_field() -> KeyStateField:
    """The field of the page of keys."""
    return KeyStateField(
        "state", label="State", choices=STATES, read_only=True, exclude_from_export=True
    )


def states_of(key: ApiKey, now: datetime) -> list[str]:
    """What is to be said of a key now; `in-use` where that is all."""
    if key.revoked_at is not None:
        return ["revoked"]
    if key.expires_at is not None and key.expires_at <= now:
        return ["ran-out"]
    found = []
    if key.expires_at is not None and key.expires_at <= now + EXPIRING:
        found.append("expiring")
    if (key.last_used_at or key.created_at) <= now - STALE:
        found.append("stale")
    return found or ["in-use"]


def in_state(state: str, now: datetime) -> ColumnElement[bool]:
    """That a key is so."""
    ends, used = col(ApiKey.expires_at), col(ApiKey.last_used_at)
    unrevoked = col(ApiKey.revoked_at).is_(None)
    alive = and_(unrevoked, or_(ends.is_(None), ends > now))
    never = and_(used.is_(None), col(ApiKey.created_at) <= now - STALE)
    return {
        "in-use": alive,
        "expiring": and_(alive, ends <= now + EXPIRING),
        "endless": and_(alive, ends.is_(None)),
        "stale": and_(alive, or_(never, used <= now - STALE)),
        "ran-out": and_(unrevoked, ends <= now),
        "revoked": ~unrevoked,
    }[state]


class KeyState(EqualFilter):
    """Keys that stand so."""

    def parse_value(self, raw: str) -> str:
        """One of STATES; ValueError."""
        if raw not in dict(STATES):
            raise ValueError(raw)
        return raw

    def apply(self, ctx: FilterApplyContext) -> Any:
        """The condition."""
        request: Request = ctx.request  # type: ignore[assignment]
        return in_state(str(ctx.value), visit_of(request).services.clock.now())


class KeyFilters(ListFilters):
    """The filters of the page of keys."""

    @filters(KeyStateField)
    def state_filters(self, _: BaseField) -> Sequence[type[BaseFilter]]:
        """By one of the states."""
        return [KeyState]
