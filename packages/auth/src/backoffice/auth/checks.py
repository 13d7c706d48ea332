"""What `backoffice doctor` looks at in accounts."""

from collections.abc import AsyncIterator
from datetime import timedelta

from backoffice.auth.key_ring import signing
from backoffice.auth.services import Services
from backoffice.core import Finding, Run

#: How long a key may sign tokens, or stand with no end, before somebody should look at it.
OLD = timedelta(days=90)


async def auth_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether the app has accounts at all, somebody who may do everything, and no old keys."""
    services = await run.find(Services)
    if services is None:
        yield Finding(
            "accounts",
            "warning",
            "the app includes no auth.router",
            "add app.include_router(auth.router, prefix='/auth')",
        )
        return
    yield await _superuser(services)
    yield _signing_key(services)
    yield await _api_keys(services)


async def _superuser(services: Services) -> Finding:
    count = await services.users.superusers()
    if count == 0:
        return Finding(
            "superuser",
            "warning",
            "nobody may do everything",
            "backoffice users create EMAIL --superuser",
        )
    return Finding("superuser", "ok", f"{count} active")


def _signing_key(services: Services) -> Finding:
    """How long the key has signed that signs now, where its file says since when."""
    now = services.clock.now()
    entry = signing(services.ring.entries, now)
    if services.settings.key_ring is None:
        found = f"{entry.key.algorithm}, derived from BACKOFFICE_SECRET_KEY"
        return Finding("signing key", "ok", found)
    if entry.signs_from is None:
        return Finding(
            "signing key",
            "warning",
            f"{entry.key.algorithm}, and its file does not say since when it signs",
            "backoffice secrets rotate",
        )
    days = (now - entry.signs_from).days
    found = f"{entry.key.algorithm}, signs since {entry.signs_from:%Y-%m-%d} ({days} days)"
    if now - entry.signs_from > OLD:
        return Finding("signing key", "warning", found, "backoffice secrets rotate")
    return Finding("signing key", "ok", found)


async def _api_keys(services: Services) -> Finding:
    """Keys that never run out, made so long ago that few will remember what for."""
    count, oldest = await services.keys.endless(OLD)
    if oldest is None:
        return Finding("API keys", "ok", f"none without an end is older than {OLD.days} days")
    return Finding(
        "API keys",
        "warning",
        f"{count} without an end, made more than {OLD.days} days ago; the oldest is "
        f"{oldest.name!r} ({oldest.prefix}), of {oldest.created_at:%Y-%m-%d}",
        f"backoffice keys rotate {oldest.id}, or one with --expires in its place",
    )
