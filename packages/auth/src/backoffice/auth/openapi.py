"""The app's OpenAPI document: who may call each operation, as its guards have it.

FastAPI documents every scheme of an operation as an alternative, knows neither `{}` (nobody may
call as well) nor schemes that are asked for together, and documents no refusal. Here the guards
that stand on each operation are read from its dependencies, and written down as they work:

| what stands there | `security` |
|---|---|
| `auth.require()` | an alternative for each way to sign in that it accepts |
| `auth.optional()` | the same, and `{}` |
| `any_of` | the alternatives once for each of the permissions |
| several guards | what all of them accept |
| a guard and another scheme of the app's own | both in one object |
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRouter, RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from backoffice.auth import schemes
from backoffice.auth.cookies import SessionCookie
from backoffice.auth.guards import METHODS, Guard
from backoffice.auth.origin import SAFE_METHODS
from backoffice.auth.principals import Method
from backoffice.auth.settings import AuthSettings

PASSWORD, JWT, API_KEY, COOKIE = "Password", "JWT", "ApiKey", "SessionCookie"
#: The schemes by which each method is presented.
SCHEMES: dict[Method, tuple[str, ...]] = {
    "jwt": (PASSWORD, JWT),
    "api_key": (API_KEY,),
    "session": (COOKIE,),
}
REFUSAL, PROBLEM = "BackofficeRefusal", "application/problem+json"

Document = dict[str, Any]
Requirement = dict[str, list[str]]


@dataclass(frozen=True)
class Operation:
    """An operation that guards stand on."""

    method: str
    content: dict[str, Any]
    guards: list[Guard]
    #: Schemes of the app's own that are asked for besides.
    others: list[SecurityBase]

    @property
    def optional(self) -> bool:
        """Whether nobody may call as well: one guard that needs somebody is enough."""
        return all(each.optional for each in self.guards)

    @property
    def methods(self) -> list[Method]:
        """What all guards accept; where they have nothing in common, what the first does.

        An operation without a way to sign in would be documented as one that is open to all.
        """
        common = [each for each in METHODS if all(each in guard.methods for guard in self.guards)]
        return common or list(self.guards[0].methods)

    @property
    def permissions(self) -> list[str]:
        """What all guards ask for, without `any_of`."""
        return list(dict.fromkeys(each for guard in self.guards for each in guard.permissions))

    @property
    def choices(self) -> list[tuple[str, ...]]:
        """Of each of these sets one permission is needed."""
        return list(dict.fromkeys(each.any_of for each in self.guards if each.any_of))


class Described:
    """FastAPI's `app.openapi`, with what guards ask for."""

    def __init__(
        self,
        app: FastAPI,
        router: APIRouter,
        settings: Callable[[], AuthSettings],
        token_url: str | None,
    ) -> None:
        self._app = app
        self._router = router
        self._settings = settings
        self._token_url = token_url
        self._plain = app.openapi
        self._document: Document | None = None

    def __call__(self) -> Document:
        """The document; it is made anew where FastAPI makes its own anew."""
        document = self._plain()
        if document is not self._document:
            self._write(document)
            self._document = document
        return document

    def _write(self, document: Document) -> None:
        contexts = list(iter_route_contexts(self._app.routes))
        operations = list(_operations(document, contexts))
        if not operations:
            return
        settings = self._settings()
        token_url = self._token_url or _token_url(self._router, contexts)
        components = document.setdefault("components", {})
        described = components.setdefault("securitySchemes", {})
        definitions = _definitions(settings, token_url, operations)
        foreign = {each.scheme_name: each for each in _foreign(contexts)}
        names = {name: f"Backoffice{name}" if name in foreign else name for name in definitions}
        # FastAPI keeps one of each name: ours, where the app has a scheme of that name as well.
        described.update({name: _plain(each) for name, each in foreign.items()})
        described.update({names[name]: each for name, each in definitions.items()})
        roles = not document["openapi"].startswith("3.0")
        for each in operations:
            alternatives = _alternatives(each, definitions, settings.two_credentials, roles)
            written = [{names[name]: of for name, of in every.items()} for every in alternatives]
            each.content["security"] = list(_with_others(each, written))
        self._write_refusals(operations, components)

    def _write_refusals(self, operations: list[Operation], components: Document) -> None:
        problem = self._app.router.responses.get("default", {}).get("content", {})
        if PROBLEM in problem:
            content = {PROBLEM: problem[PROBLEM]}
        else:
            components.setdefault("schemas", {}).setdefault(REFUSAL, _REFUSAL)
            content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{REFUSAL}"}}}
        for each in operations:
            responses = each.content.setdefault("responses", {})
            responses.setdefault("401", _unauthenticated(each, content))
            if reasons := list(_reasons(each)):
                description = f"Refused: {'; '.join(reasons)}."
                responses.setdefault("403", {"description": description, "content": content})


def _operations(document: Document, contexts: list[RouteContext]) -> Iterator[Operation]:
    for context in contexts:
        dependant = getattr(context, "dependant", None)
        found = [] if dependant is None else list(schemes_of(dependant))
        guards = [each for each in found if isinstance(each, Guard)]
        path = document.get("paths", {}).get(context.path_format, {})
        # An operation whose security is written by hand says what its author knows.
        by_hand = "security" in (getattr(context, "openapi_extra", None) or {})
        if not guards or by_hand:
            continue
        others = [each for each in found if not isinstance(each, Guard)]
        for method in context.methods or ():
            if (content := path.get(method.lower())) is not None:
                yield Operation(method, content, guards, others)


def schemes_of(dependant: Any) -> Iterator[SecurityBase]:
    """The schemes of a route, of its routers and of the app, each once."""
    seen: set[int] = set()
    pending = list(dependant.dependencies)
    while pending:
        each = pending.pop(0)
        if isinstance(each.call, SecurityBase) and id(each.call) not in seen:
            seen.add(id(each.call))
            yield each.call
        if not isinstance(each.call, Guard):
            pending += each.dependencies


def _token_url(router: APIRouter, contexts: list[RouteContext]) -> str | None:
    """Where this app has the route that signs in, under whatever prefix.

    Relative to the document's server, which is where the app is mounted or what its proxy strips.
    """
    login = next(each for each in router.routes if getattr(each, "name", "") == "login")
    paths = (each.path for each in contexts if each.original_route is login)
    return next((path.lstrip("/") for path in paths if path and "{" not in path), None)


def _foreign(contexts: list[RouteContext]) -> Iterator[SecurityBase]:
    """The schemes of the app's own, on whatever operation."""
    for context in contexts:
        if (dependant := getattr(context, "dependant", None)) is not None:
            yield from (each for each in schemes_of(dependant) if not isinstance(each, Guard))


def _definitions(
    settings: AuthSettings, token_url: str | None, operations: list[Operation]
) -> dict[str, Document]:
    """The schemes that the operations accept."""
    asked = [(*each.permissions, *sum(each.choices, ())) for each in operations]
    permissions = sorted({permission for each in asked for permission in each})
    found = {
        JWT: _plain(schemes.jwt),
        API_KEY: _plain(schemes.api_key),
        COOKIE: schemes.session_cookie(_cookie_name(settings)),
    }
    if token_url is not None:
        found[PASSWORD] = schemes.password(token_url, permissions)
    accepted = {name for each in operations for way in each.methods for name in SCHEMES[way]}
    return {name: each for name, each in found.items() if name in accepted}


def _plain(scheme: SecurityBase) -> Document:
    return scheme.model.model_dump(mode="json", by_alias=True, exclude_none=True)


def _cookie_name(settings: AuthSettings) -> str:
    """As on https, unless the settings say otherwise."""
    address = {"scheme": "https", "server": ("localhost", 443), "path": "/", "headers": []}
    return SessionCookie(settings).name(HTTPConnection({"type": "http", **address}))


def _alternatives(
    operation: Operation, definitions: Iterable[str], two_credentials: bool, roles: bool
) -> list[Requirement]:
    """What may be presented; each object is enough by itself."""
    found: list[Requirement] = []
    # Roles of schemes that are not OAuth's are legal from OpenAPI 3.1 on.
    plain = {PASSWORD} if not roles else {PASSWORD, JWT, API_KEY, COOKIE}
    for choice in product(*operation.choices):
        wanted = list(dict.fromkeys([*operation.permissions, *choice]))
        for method in operation.methods:
            found += [
                {name: wanted if name in plain else []}
                for name in SCHEMES[method]
                if name in definitions
            ]
        if two_credentials and {"jwt", "api_key"} <= set(operation.methods):
            found.append({name: wanted if name in plain else [] for name in (JWT, API_KEY)})
    if operation.optional:
        found.append({})
    return [each for number, each in enumerate(found) if each not in found[:number]]


def _with_others(operation: Operation, ours: list[Requirement]) -> Iterator[Requirement]:
    """Ours together with the app's own: one that does not refuse may be left out."""
    scopes: Requirement = {}
    for each in operation.content.get("security", []):
        scopes.update(each)
    variants: list[list[Requirement]] = [
        [{other.scheme_name: scopes.get(other.scheme_name, [])}]
        + ([] if getattr(other, "auto_error", True) else [{}])
        for other in operation.others
    ]
    for our, *others in product(ours, *variants):
        merged = dict(our)
        for other in others:
            merged.update(other)
        yield merged


def _unauthenticated(operation: Operation, content: Document) -> Document:
    bad = "the credential is not good (`invalid_token`)"
    nobody = "Nobody is signed in (`unauthenticated`), or "
    return {
        "description": f"{bad[0].upper()}{bad[1:]}." if operation.optional else f"{nobody}{bad}.",
        "headers": {
            "WWW-Authenticate": {
                "description": "A challenge for each scheme that would do.",
                "schema": {"type": "string"},
            }
        },
        "content": content,
    }


def _reasons(operation: Operation) -> Iterator[str]:
    guards = operation.guards
    if operation.permissions or operation.choices:
        sets = [" or ".join(each) for each in operation.choices]
        yield f"`insufficient_scope`, needs {' and '.join([*operation.permissions, *sets])}"
    if len(operation.methods) < len(METHODS):
        yield f"`method_not_accepted`, takes {' or '.join(operation.methods) or 'nothing'}"
    if any(each.verified for each in guards):
        yield "`not_verified`, needs a confirmed address"
    if any(each.mfa for each in guards):
        yield "`mfa_required`, needs a second factor"
    if spans := [each.fresh for each in guards if each.fresh is not None]:
        seconds = int(min(spans).total_seconds())
        yield f"`not_fresh`, needs a sign-in within {seconds} seconds"
    if "session" in operation.methods and operation.method not in SAFE_METHODS:
        yield "`csrf_failed`, by cookie from another site"


_REFUSAL: Document = {
    "title": "Refusal",
    "type": "object",
    "required": ["detail"],
    "properties": {
        "detail": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "For programs; it never changes."},
                "message": {"type": "string", "description": "For people: what to do next."},
            },
        }
    },
}
