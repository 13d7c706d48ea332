"""How sessions and keys stand now: asked for many at once, by their ids."""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from backoffice.auth.api_keys import ApiKeys
from backoffice.auth.models import ApiKey, UserSession
from backoffice.auth.principals import Principal, Principals
from backoffice.auth.sessions import Sessions


@dataclass(frozen=True)
class Stand:
    """Whom a session or key that is alive stands for now, and until when."""

    principal: Principal
    #: None where neither the credential nor anything that its owner holds runs out.
    until: datetime | None
    key: ApiKey | None = None


class Standing:
    """Asks the database, without any memory."""

    def __init__(self, principals: Principals, sessions: Sessions, keys: ApiKeys) -> None:
        self._principals = principals
        self._sessions = sessions
        self._keys = keys

    async def of(
        self, sessions: Collection[uuid.UUID], keys: Collection[uuid.UUID]
    ) -> dict[uuid.UUID, Stand]:
        """Those that are alive, by the ids of the sessions and keys."""
        found = await self._principals.standing(sessions, keys)
        stands = {id: self._stand(*each) for id, each in found.items()}
        return {id: stand for id, stand in stands.items() if stand is not None}

    def _stand(self, principal: Principal, row: UserSession | ApiKey) -> Stand | None:
        if isinstance(row, ApiKey):
            until = principal.same_until(row.expires_at)
            return Stand(principal, until, row) if self._keys.alive(row) else None
        if not self._sessions.alive(row):
            return None
        return Stand(principal, principal.same_until(self._sessions.good_until(row)))
