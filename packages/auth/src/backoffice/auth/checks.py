"""What `backoffice doctor` looks at in accounts."""

from collections.abc import AsyncIterator
from datetime import timedelta

from sqlmodel import col, select

from backoffice.auth.key_ring import signing
from backoffice.auth.services import Services
from backoffice.core import Finding, Run
from backoffice.core.mail.settings import mail_settings

#: How long a key may sign tokens, or stand with no end, before somebody should look at it.
OLD = timedelta(days=90)
#: Permissions that a finding names.
MOST_NAMED = 5


async def auth_checks(run: Run) -> AsyncIterator[Finding]:
    """Whether the app has accounts at all, somebody who may do everything, no old keys, no
    permissions that nothing asks for, and links that arrive."""
    services = await run.find(Services)
    if services is None:
        yield Finding(
            "auth.router",
            "warning",
            "the app includes no auth.router",
            "add app.include_router(auth.router, prefix='/auth')",
        )
        return
    yield await _superuser(services)
    yield _signing_key(services)
    yield await _api_keys(services)
    yield await _permissions(services)
    yield await _links(run, services)


async def _superuser(services: Services) -> Finding:
    count = await services.users.superusers()
    if count == 0:
        return Finding(
            "auth.superuser",
            "warning",
            "nobody may do everything",
            "backoffice users create EMAIL --superuser",
        )
    return Finding("auth.superuser", "ok", f"{count} active")


def _signing_key(services: Services) -> Finding:
    """How long the key has signed that signs now, where its file says since when."""
    now = services.clock.now()
    entry = signing(services.ring.entries, now)
    if services.settings.key_ring is None:
        found = f"{entry.key.algorithm}, derived from BACKOFFICE_SECRET_KEY"
        return Finding("auth.signing-key", "ok", found)
    if entry.signs_from is None:
        return Finding(
            "auth.signing-key",
            "warning",
            f"{entry.key.algorithm}, and its file does not say since when it signs",
            "backoffice secrets rotate",
        )
    days = (now - entry.signs_from).days
    found = f"{entry.key.algorithm}, signs since {entry.signs_from:%Y-%m-%d} ({days} days)"
    if now - entry.signs_from > OLD:
        return Finding("auth.signing-key", "warning", found, "backoffice secrets rotate")
    return Finding("auth.signing-key", "ok", found)


async def _api_keys(services: Services) -> Finding:
    """Keys that never run out, made so long ago that few will remember what for."""
    count, oldest = await services.keys.endless(OLD)
    if oldest is None:
        return Finding("auth.api-keys", "ok", f"none without an end is older than {OLD.days} days")
    return Finding(
        "auth.api-keys",
        "warning",
        f"{count} without an end, made more than {OLD.days} days ago; the oldest is "
        f"{oldest.name!r} ({oldest.prefix}), of {oldest.created_at:%Y-%m-%d}",
        f"backoffice keys rotate {oldest.id}, or one with --expires in its place",
    )


async def _permissions(services: Services) -> Finding:
    """What roles and grants hold though the code that asked for it has gone."""
    found = await services.effective.unknown(MOST_NAMED + 1)
    if not found:
        return Finding("auth.unknown-permission", "ok", "the app knows all that is granted")
    more = " and more" if len(found) > MOST_NAMED else ""
    return Finding(
        "auth.unknown-permission",
        "warning",
        f"roles or grants have what the app knows no more: {', '.join(found[:MOST_NAMED])}{more}",
        "`backoffice roles list` and `backoffice permissions who-can` say who has it; `roles deny` "
        "and `users revoke` take it",
    )


async def _links(run: Run, services: Services) -> Finding:
    """Whether those who have accounts, or may make one, are sent links that lead to the app."""
    public_url = services.settings.public_url
    if public_url is None and not (services.settings.registration or await _people(services)):
        return Finding("auth.links", "ok", "nobody has an account that needs one")
    if public_url is None:
        return Finding(
            "auth.links",
            "warning",
            "nobody can confirm an address or replace a forgotten password: it is not known where "
            "links should lead",
            "set BACKOFFICE_AUTH__PUBLIC_URL to where the app is met, as https://shop.example.com",
        )
    if (await run.open(mail_settings)).url is None:
        return Finding(
            "auth.links",
            "warning",
            f"lead to {public_url}, in mail that goes nowhere: BACKOFFICE_MAIL__URL is not set",
            "set BACKOFFICE_MAIL__URL to smtp://user:password@host:587",
        )
    return Finding("auth.links", "ok", f"lead to {public_url}")


async def _people(services: Services) -> bool:
    user = services.records.user
    anybody = select(user.id).where(col(user.is_service).is_(False)).limit(1)
    return bool(await services.database.read(anybody))
