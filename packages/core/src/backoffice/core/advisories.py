"""Versions of libraries with weaknesses that are known, as of REVIEWED.

A small table of what Backoffice stands on, for who has no scanner: `pip-audit` knows all, and what
was found since.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

REVIEWED = "2026-11-21"


@dataclass(frozen=True)
class Advisory:
    """Weak are the versions of `package` from `since` on, and before `fixed`."""

    package: str
    fixed: str
    #: Of the CVE programme: https://www.cve.org/CVERecord?id=...
    id: str
    what: str
    since: str = "0"


ADVISORIES = (
    Advisory("cryptography", "46.0.5", "CVE-2026-26007", "takes public keys of small subgroups"),
    Advisory("fastapi-users", "15.0.2", "CVE-2025-68481", "OAuth sign-in by another's state"),
    Advisory("jinja2", "3.1.5", "CVE-2024-56326", "a way out of the sandbox by str.format"),
    Advisory("jinja2", "3.1.6", "CVE-2025-27516", "a way out of the sandbox by the filter attr"),
    Advisory("pyjwt", "2.4.0", "CVE-2022-29217", "public keys are taken as HMAC secrets"),
    Advisory("pyjwt", "2.10.1", "CVE-2024-53861", "part of an issuer is enough", since="2.10.0"),
    Advisory("pyjwt", "2.12.0", "CVE-2026-32597", "unknown critical headers are accepted"),
    Advisory("pyjwt", "2.13.0", "CVE-2026-48524", "unknown key ids fetch keys without end"),
    Advisory("python-jose", "3.4.0", "CVE-2024-33663", "public keys are taken as HMAC secrets"),
    Advisory("python-jose", "3.4.0", "CVE-2024-33664", "a small token fills the memory"),
    Advisory("python-multipart", "0.0.7", "CVE-2024-24762", "one header stalls the process"),
    Advisory("python-multipart", "0.0.18", "CVE-2024-53981", "one form stalls the process"),
    Advisory("python-multipart", "0.0.22", "CVE-2026-24486", "uploads are written anywhere"),
    Advisory("redis", "4.5.3", "CVE-2023-28858", "answers reach another request", since="4.2.0"),
    Advisory("redis", "4.5.4", "CVE-2023-28859", "answers reach another request", since="4.2.0"),
    Advisory("starlette", "0.40.0", "CVE-2024-47874", "one form fills the memory"),
    Advisory("starlette", "0.47.2", "CVE-2025-54121", "large uploads stall the process"),
    Advisory("starlette", "0.49.1", "CVE-2025-62727", "one header stalls files", since="0.39.0"),
    Advisory("starlette", "1.0.1", "CVE-2026-48710", "the Host header changes request.url.path"),
    Advisory("starlette", "1.3.0", "CVE-2026-54282", "the path changes request.url.hostname"),
)


def known_weaknesses(
    installed: Callable[[str], str] = version,
) -> Iterator[tuple[Advisory, str]]:
    """Each that holds for what is installed, with the version that is."""
    for each in ADVISORIES:
        try:
            found = installed(each.package)
        except PackageNotFoundError:
            continue
        if release(each.since) <= release(found) < release(each.fixed):
            yield each, found


def release(written: str) -> tuple[int, ...]:
    """The numbers that a version begins with, without zeros at their end: a candidate counts as
    what it is a candidate for (PEP 440)."""
    found = re.match(r"(?:[0-9]+!)?([0-9]+(?:\.[0-9]+)*)", written)
    numbers = [int(each) for each in found[1].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
