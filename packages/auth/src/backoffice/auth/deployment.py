"""What `backoffice doctor` looks at before an app with accounts goes live."""

from collections.abc import AsyncIterator, Sequence

from starlette.applications import Starlette

from backoffice.auth.entrances import Entrance, entrances
from backoffice.auth.protection import protection_of
from backoffice.auth.services import Services
from backoffice.auth.settings import AuthSettings
from backoffice.core import Database, Finding, Run, SetupError, database
from backoffice.ratelimit import ratelimit_settings
from backoffice.ratelimit.workers import workers

#: Routes that a finding names; `backoffice routes --unprotected` names all.
MOST_ROUTES = 5
ROUTES, COOKIE, HTTPS = "auth.unprotected-routes", "auth.cookie-secure", "auth.https"
REGISTRATION, SHARED = "auth.registration", "auth.shared-database"


async def deployment_checks(run: Run) -> AsyncIterator[Finding]:
    """Open routes, https and the cookie, who may register, one database for all processes."""
    services = await run.find(Services)
    if run.app is None or services is None:
        return
    yield _routes(run.app)
    for finding in _of_settings(services.settings):
        yield finding
    count = (await run.open(ratelimit_settings)).workers or workers()
    yield _shared(await run.open(database), count)


def _routes(app: Starlette) -> Finding:
    protection = protection_of(app)
    if protection is not None:
        try:
            protection.check()
        except SetupError as error:
            fix = "say so at each; `backoffice routes --unprotected` lists them"
            return Finding(ROUTES, "error", error.message.partition("\n")[0].rstrip(":"), fix)
        return Finding(ROUTES, "ok", "auth.protect(app): each route says who may call it")
    found = [each for each in entrances(app) if not each.decided]
    if found:
        return Finding(
            ROUTES,
            "warning",
            f"nobody says who may call {_named(found)}: no guard stands there, and no mark",
            "guard each or mark it public, then auth.protect(app) keeps it so; "
            "`backoffice routes --unprotected` lists them",
        )
    return Finding(ROUTES, "ok", "each says who may call it; auth.protect(app) keeps it so")


def _named(found: Sequence[Entrance]) -> str:
    named = ", ".join(each.shown for each in found[:MOST_ROUTES])
    more = len(found) - MOST_ROUTES
    return named if more <= 0 else f"{named} and {more} more"


def _of_settings(settings: AuthSettings) -> list[Finding]:
    return [_cookie(settings), _https(settings), _registration(settings)]


def _cookie(settings: AuthSettings) -> Finding:
    fix = "set BACKOFFICE_AUTH__COOKIE_SECURE=true"
    if settings.cookie_secure:
        return Finding(COOKIE, "ok", "the session cookie is sent over https only")
    if settings.cookie_secure is None:
        told = "the session cookie is for https only where the server knows that it is asked by it"
        return Finding(COOKIE, "warning", f"{told}, as behind few proxies", fix)
    return Finding(COOKIE, "error", "the session cookie is sent over http, for all to read", fix)


def _https(settings: AuthSettings) -> Finding:
    url = settings.public_url
    if url is None:
        return Finding(HTTPS, "ok", "no address of the app is set that could be http")
    if url.startswith("https://"):
        return Finding(HTTPS, "ok", f"the app is met at {url}")
    return Finding(
        HTTPS,
        "warning",
        f"the app is met at {url}, which nobody else can reach",
        "set BACKOFFICE_AUTH__PUBLIC_URL to its https address",
    )


def _registration(settings: AuthSettings) -> Finding:
    if not settings.registration:
        return Finding(REGISTRATION, "ok", "accounts are made by administrators")
    return Finding(
        REGISTRATION,
        "warning",
        "strangers may make accounts",
        "set BACKOFFICE_AUTH__REGISTRATION=false, or ignore this where it is meant so",
    )


def _shared(opened: Database, count: int) -> Finding:
    """SQLite is a file of one machine, or the memory of one process."""
    if opened.dialect != "sqlite" or count == 1:
        told = "for all processes" if opened.dialect != "sqlite" else "for the one process there is"
        return Finding(SHARED, "ok", told)
    fix = "set BACKOFFICE_DATABASE_URL to a PostgreSQL"
    if opened.url.database in (None, "", ":memory:"):
        return Finding(SHARED, "error", f"each of {count} processes has a database of its own", fix)
    told = f"{count} processes wait for each other at every change of one SQLite file"
    return Finding(SHARED, "warning", f"{told}, and no other machine sees it", fix)
