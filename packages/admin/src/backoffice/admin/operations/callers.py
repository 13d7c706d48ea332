"""Who stands behind the digests by which callers are counted.

A digest cannot be turned back. Those who were here lately are known from the audit log, and it
can be told which of them a digest is of: people to who may see their accounts, addresses to who
may see the log.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from uuid import UUID

from sqlalchemy import select
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
    actors, addresses = await _lately(request)
    people = await _emails(site, request, actors)
    for by, name, label, url in (*_people(request, people), *_networks(site, request, addresses)):
        for policy in policies:
            text = policy.key(by, name)
            if text is not None and (counted := digest(text)) in wanted:
                found.labels[counted], found.urls[counted] = label, url
    return found


async def _lately(request: Request) -> tuple[set[str], set[str]]:
    query = (
        select(col(AuditEntry.actor), col(AuditEntry.address))
        .order_by(col(AuditEntry.at).desc())
        .limit(MOST_ENTRIES)
    )
    rows = (await request.state.session.exec(query)).all()
    return {row[0] for row in rows if row[0].startswith(_USER)}, {row[1] for row in rows if row[1]}


async def _emails(site: Site, request: Request, actors: set[str]) -> Mapping[UUID, str]:
    users, records = _view(site, "users"), visit_of(request).services.records
    if not users.is_accessible(request) or "email" in users.hidden(request):
        return {}
    ids = {id for each in actors if (id := _user_id(each, records)) is not None}
    user: Any = records.user
    query = select(user.id, user.email).where(user.id.in_(ids))
    rows = await request.state.session.exec(users.within(request, query, "view"))
    return dict(rows.all())


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


def _people(request: Request, people: Mapping[UUID, str]) -> Iterator[tuple[By, str, str, str]]:
    for id, email in people.items():
        yield "user", f"{_USER}{id}", email, url_of(request, "users", "detail", pk=id)


def _networks(
    site: Site, request: Request, addresses: set[str]
) -> Iterator[tuple[By, str, str, str]]:
    view = _view(site, "audit")
    if not view.is_accessible(request) or "address" in view.hidden(request):
        return
    for each in addresses:
        try:
            network = network_of(str(ip_address(each)))
        except ValueError:  # a client of a test, or of a socket, has a name
            network = each
        yield "address", network, each, url_of(request, "audit", q=each)


def _view(site: Site, resource: str) -> RecordView:
    return next(each for each in site.records() if each.resource == resource)


def _user_id(name: str, records: UserRecords) -> UUID | None:
    try:
        return records.read_id(name.removeprefix(_USER))
    except ValueError:
        return None
