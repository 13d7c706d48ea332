"""Keys that make keys: what such a key makes may do no more than it may itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from sqlmodel.ext.asyncio.session import AsyncSession

from backoffice.auth.key_terms import within
from backoffice.auth.models import ApiKey
from backoffice.auth.permissions import grants
from backoffice.auth.principals import Principal
from backoffice.core import Forbidden


@dataclass(frozen=True)
class Maker:
    """An API key that makes or rotates another, and what it may do now."""

    key: ApiKey
    permissions: frozenset[str]

    @classmethod
    async def of(cls, session: AsyncSession, by: Principal | None) -> Self | None:
        """The key that acts; None where a person or a command does."""
        if by is None or by.key_id is None:
            return None
        key = await session.get(ApiKey, by.key_id)
        if key is None:
            raise _wider("The key that asks is gone.")
        return cls(key, by.permissions)

    def bind(self, row: ApiKey) -> None:
        """Give a new key the terms of this one where it has none; Forbidden for wider ones."""
        if row.manages_credentials:
            raise _wider("A key makes no key that manages credentials; sign in for that.")
        if row.scopes is None:
            row.scopes = self.key.scopes
        if row.networks is None:
            row.networks = self.key.networks
        if row.rate_limit is None:
            row.rate_limit = self.key.rate_limit
        row.expires_at = row.expires_at or self.key.expires_at
        self.check(row)

    def check(self, row: ApiKey) -> None:
        """Forbidden for a key that may do more than this one."""
        if row.id == self.key.id:
            return
        if not self._scopes_within(row):
            raise _wider("It has scopes that this key does not have.")
        if not within(row.networks, self.key.networks):
            raise _wider("It may be used from networks that this key may not be used from.")
        if self.key.rate_limit not in (None, row.rate_limit):
            raise _wider("It is not limited as this key is.")
        if self.earlier(row.expires_at) != row.expires_at:
            raise _wider("It lasts for longer than this key.")

    def earlier(self, moment: datetime | None) -> datetime | None:
        """The moment, or when this key runs out if that is before."""
        own = self.key.expires_at
        return own if moment is None or (own is not None and own < moment) else moment

    def _scopes_within(self, row: ApiKey) -> bool:
        if row.scopes is None:
            return self.key.scopes is None
        return all(grants(self.permissions, each) for each in row.scopes)


def _wider(message: str) -> Forbidden:
    return Forbidden(f"{message} A key makes none that may do more.", code="wider_than_key")
