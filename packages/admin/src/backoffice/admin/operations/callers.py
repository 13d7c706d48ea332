"""Who stands behind the digests by which callers are counted.

A digest cannot be turned back. Those who were here lately are known from the audit log, and it
can be told which of them a digest is of: people to who may see their accounts, addresses to who
may see the log.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlmodel import col
from starlette.requests import Request

from backoffice.admin.presentation import url_of
from backoffice.admin.records import RecordView
from backoffice.admin.site import Site
from backoffice.admin.visits import visit_of
from backoffice.auth import AuditEntry
from backoffice.auth.user_records import UserRecords
from backoffice.core import NotFound
from backoffice.ratelimit.addresses import network_of
from backoffice.ratelimit.keys import digest
from backoffice.ratelimit.policies import By, Policy

#: Entries of the audit log that are looked through, the newest first.
MOST_ENTRIES = 1000
_USER = "user:"

#: By what a caller is named, how, what is told of it, and where more of it is.
Caller = tuple[By, str, str, str]


@dataclass
class Named:
    """What is known of digests."""

    labels: dict[str, str] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)


async def named(
    site: Site, request: Request, policies: Sequence[Policy], wanted: Collection[str]
) -> Named:
    """Names for these digests, as far as they are found and may be seen."""
    found = Named()
    if not wanted:
        return found
    people = await _people(site, request)
    networks = await _networks(site, request)
    for by, name, label, url in (*people, *networks):
        # Most policies count alike, and a digest takes longer than all else here.
        for text in {policy.key(by, name) for policy in policies}:
            if text is not None and (counted := digest(text)) in wanted:
                found.labels[counted], found.urls[counted] = label, url
    return found


async def _people(site: Site, request: Request) -> list[Caller]:
    """Of those who did something lately, those who may be seen."""
    if not may_name_people(site, request):
        return []
    users, records = _view(site, "users"), visit_of(request).services.records
    session = request.state.session
    actors = {row[0] for row in await session.exec(_lately(col(AuditEntry.actor)))}
    named = (_user_id(each, records) for each in actors if each.startswith(_USER))
    user: Any = records.user
    query = select(user.id, user.email).where(user.id.in_({id for id in named if id is not None}))
    found = await session.exec(users.within(request, query, "view"))
    return [
        ("user", f"{_USER}{id}", email, url_of(request, "users", "detail", pk=id))
        for id, email in found
    ]


async def _networks(site: Site, request: Request) -> list[Caller]:
    """Where those came from lately whose entries of the log may be seen."""
    log = _view(site, "audit")
    if not log.is_accessible(request) or "address" in log.hidden(request):
        return []
    query = log.within(request, _lately(col(AuditEntry.address)), "view")
    addresses = {row[0] for row in await request.state.session.exec(query) if row[0]}
    return [
        ("address", _network(each), each, url_of(request, "audit", q=each)) for each in addresses
    ]


def _lately(column: Any) -> Select[Any]:
    return select(column).order_by(col(AuditEntry.at).desc()).limit(MOST_ENTRIES)


def _network(address: str) -> str:
    try:
        return network_of(str(ip_address(address)))
    except ValueError:  # a client of a test, or of a socket, has a name
        return address


async def check_visible(site: Site, request: Request, caller: str | None) -> None:
    """NotFound for an account that whoever asks may not see, as for one that there is not."""
    users, records = _view(site, "users"), visit_of(request).services.records
    id = _user_id(caller or "", records)
    user: Any = records.user
    query = users.within(request, select(user.id).where(user.id == id), "view")
    if id is None or (await request.state.session.exec(query)).first() is None:
        raise NotFound("There is no such account.")


def may_name_people(site: Site, request: Request) -> bool:
    """Whether an account may be named by its address."""
    users = _view(site, "users")
    return users.is_accessible(request) and "email" not in users.hidden(request)


def _view(site: Site, resource: str) -> RecordView:
    return next(each for each in site.records() if each.resource == resource)


def _user_id(name: str, records: UserRecords) -> UUID | None:
    try:
        return records.read_id(name.removeprefix(_USER))
    except ValueError:
        return None
