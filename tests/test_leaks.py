"""The guard of the suite bites."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.leaks import found_in

ROOT = Path(__file__).parents[1]

PLANTED = {
    "a message": 'log.info("signed in with %s", PASSWORD)',
    "an extra": 'log.debug("signed in", extra={"given": {"password": PASSWORD}})',
    "an exception": 'log.error("it failed", exc_info=ValueError(PASSWORD))',
    "a cause": """
    try:
        raise KeyError from ValueError(PASSWORD)
    except KeyError:
        log.exception("it failed")
    """,
    "a line of a library": 'logging.getLogger("library").warning(PASSWORD)',
    "an error that is caught": """
    with pytest.raises(NotFound):
        raise NotFound(f"there is no {PASSWORD}")
    """,
    "data of an error": 'Conflict("taken", by=PASSWORD)',
}

HEAD = """
import logging
import pytest
from backoffice.core import Conflict, NotFound

PASSWORD = "correct horse" + " battery"
log = logging.getLogger("backoffice.planted")
"""
CLEAN = 'log.info("signed in")'


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Name of each planted test, and how it ended under the guard."""
    folder = tmp_path_factory.mktemp("planted")
    tests = [f"def test_{number}():\n    {body}" for number, body in enumerate(PLANTED.values())]
    marked = f"@pytest.mark.shows_secrets\ndef test_marked():\n    {PLANTED['a message']}"
    tests += [marked, f"def test_clean():\n    {CLEAN}"]
    (folder / "test_planted.py").write_text("\n\n".join([HEAD, *tests]))
    options = ["-p", "tests.leaks", "-p", "no:cacheprovider", "-c", "/dev/null", "--strict-markers"]
    subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--junitxml={folder}/told.xml", str(folder)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=False,
    )
    told = ElementTree.parse(folder / "told.xml").iter("testcase")
    return {each.attrib["name"]: " ".join(part.attrib["message"] for part in each) for each in told}


@pytest.mark.parametrize("number", range(len(PLANTED)), ids=PLANTED.keys())
def test_a_planted_leak_fails_its_test(outcomes: dict[str, str], number: int) -> None:
    assert "a secret was shown" in outcomes[f"test_{number}"]


def test_a_test_that_shows_secrets_on_purpose_says_so(outcomes: dict[str, str]) -> None:
    assert outcomes["test_marked"] == ""


def test_a_test_without_a_leak_passes(outcomes: dict[str, str]) -> None:
    assert outcomes["test_clean"] == ""


def test_what_the_product_mints_is_known_and_masked_by_its_shape() -> None:
    import uuid
    from datetime import timedelta

    from backoffice.auth.credentials import REFRESH, Seal, new_api_key
    from backoffice.auth.key_ring import KeyRing, of_secrets
    from backoffice.auth.tokens import AccessTokens
    from backoffice.core import Clock
    from backoffice.core.redaction import redacted

    key = bytes(32)
    ring = KeyRing(of_secrets([key]), "python-jose")
    tokens = AccessTokens(ring, Clock(), issuer="i", audience="a", lifetime=timedelta(1))
    for number in range(200):
        minted = [
            new_api_key().text,
            Seal(key, REFRESH).sealed(uuid.UUID(int=number)),
            tokens.issue(uuid.uuid4(), uuid.uuid4()),
        ]
        assert all(found_in(f"<{each}>") == [each] for each in minted)
        assert all(redacted(f"<{each}>") == "<[redacted]>" for each in minted)
    sealed = [Seal(key).sealed(uuid.UUID(int=number)) for number in range(200)]
    assert all(found_in(f"<{each}>") == [each] for each in sealed)
    assert all(redacted(f"<{each}>") == "<[redacted]>" for each in sealed)
