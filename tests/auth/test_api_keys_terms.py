"""API keys: from where, how often and by whom they may be used, at every use."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import event
from sqlmodel import col, update

from backoffice.auth import ApiKey, key_terms
from backoffice.auth import principals as looked_up
from backoffice.auth.credentials import _checksum, new_api_key
from backoffice.core.testing import ManualClock
from backoffice.core.testing.clients import client as beside
from backoffice.ratelimit import RateLimit
from tests.auth.conftest import House, built, headers

INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.1"


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy at 172.16.0.1 that is believed; ask for it before the house."""
    monkeypatch.setenv("BACKOFFICE_RATELIMIT__TRUSTED_PROXIES", "172.16.0.0/12")


@pytest.fixture
def counted(limits_url: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits in this process and in Redis; ask for it before the house."""
    if limits_url is not None:
        monkeypatch.setenv("BACKOFFICE_REDIS_URL", limits_url)


@pytest.fixture
def statements(house: House) -> Iterator[list[str]]:
    """What the app has asked its database, but for what the outbox looks for by itself."""
    seen: list[str] = []

    def note(*args: Any) -> None:
        if "backoffice_mail" not in str(args[2]):
            seen.append(str(args[2]))

    event.listen(house.services.database.engine.sync_engine, "before_cursor_execute", note)
    return iter([seen])


def used_from(
    house: House, address: str, key: str, path: str = "/who", forwarded: str = ""
) -> Response:
    """The answer to a request that comes from this address."""
    more = {"X-Forwarded-For": forwarded} if forwarded else {}
    client = beside(house.client, client=(address, 50000))
    return client.get(path, headers=headers(key=key) | more)


def refused(answer: Response) -> bool:
    """Whether it was refused as any bad credential is."""
    code = answer.json()["detail"]["code"]
    return (answer.status_code, code) == (401, "invalid_token")


class TestLookUp:
    """What it costs to be refused."""

    def seen(self, house: House, statements: Iterator[list[str]], key: str) -> list[str]:
        [seen] = statements
        # Not of the credential: what was taken away meanwhile, once each quarter of a second.
        house.call(house.services.revocations.refresh())
        seen.clear()
        assert refused(house.get("/who", key=key))
        return [each for each in seen if "backoffice_revocation" not in each]

    def test_a_wrong_checksum_is_refused_without_the_database(
        self, house: House, statements: Iterator[list[str]]
    ) -> None:
        key = house.key(house.user())
        mistyped = key[:-1] + ("a" if key[-1] != "a" else "b")
        [seen] = statements
        seen.clear()
        assert refused(house.get("/who", key=mistyped))
        assert seen == []

    @pytest.mark.parametrize("which", ["unknown", "wrong secret"])
    def test_an_unknown_key_and_a_wrong_secret_cost_one_statement(
        self, house: House, statements: Iterator[list[str]], which: str
    ) -> None:
        """Of 600 interleaved look-ups, the owner having 30 permissions: on SQLite means of 1,463
        and 1,363 µs (each ± 180), medians of 831 and 831; on a busy PostgreSQL means of 28.6 and
        26.2 ms (each ± 1.3), medians of 17.8 and 17.5. Before the database looked at a part of
        the digest, 839 and 1,272 µs (each ± 40) on SQLite.
        """
        key, other = house.key(house.user("ann@example.com", "books:read")), new_api_key().text
        if which == "wrong secret":
            other = with_secret_of(key, other)
        [found] = self.seen(house, statements, other)
        assert "backoffice_api_key" in found

    def test_the_answers_are_the_same_to_the_byte(self, house: House) -> None:
        key, other = house.key(house.user()), new_api_key().text
        answers = [
            house.get("/who", key=each) for each in (other, with_secret_of(key, other), "bo_x")
        ]
        assert len({(each.status_code, each.text) for each in answers}) == 1
        assert len({each.headers["www-authenticate"] for each in answers}) == 1

    def test_the_whole_digest_decides(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """Were the database's part all that counts, this key would be good."""
        key = house.key(house.user())
        monkeypatch.setattr(looked_up, "_TOLD", 0)
        assert refused(house.get("/who", key=with_secret_of(key, new_api_key().text)))
        assert house.get("/who", key=key).status_code == 200


class TestNetworks:
    """A key with networks is good from there alone."""

    @pytest.mark.parametrize(
        ("networks", "address"),
        [
            (["10.0.0.0/8"], INSIDE),
            (["10.1.2.3"], INSIDE),
            (["192.168.0.0/16", "10.1.2.0/24"], INSIDE),
            (["2001:db8::/32"], "2001:db8:1::7"),
            (["10.0.0.0/8"], f"::ffff:{INSIDE}"),
        ],
    )
    def test_inside_it_is_good_each_time(
        self, house: House, networks: list[str], address: str
    ) -> None:
        key = house.key(house.user(), networks=networks)
        for _ in range(3):
            assert used_from(house, address, key).status_code == 200

    @pytest.mark.parametrize(
        ("networks", "address"),
        [
            (["10.0.0.0/8"], OUTSIDE),
            (["10.1.2.3"], "10.1.2.4"),
            (["2001:db8::/32"], "2001:db9::1"),
            (["2001:db8::/32"], INSIDE),
            (["0.0.0.0/0"], "2001:db8::1"),
            (["10.0.0.0/8"], "testclient"),
        ],
    )
    def test_outside_it_is_refused_as_any_bad_key_is_and_logged(
        self,
        house: House,
        caplog: pytest.LogCaptureFixture,
        networks: list[str],
        address: str,
    ) -> None:
        caplog.set_level(logging.INFO)
        key = house.key(house.user(), networks=networks)
        answer = used_from(house, address, key)
        assert answer.text == house.get("/who", key="bo_x").text
        assert refused(answer)
        assert "outside its networks" in caplog.text
        assert refused(used_from(house, address, key, "/feed"))

    def test_what_is_remembered_of_a_key_lets_nobody_else_in(self, house: House) -> None:
        key = house.key(house.user(), networks=["10.0.0.0/8"])
        for _ in range(2):
            assert used_from(house, INSIDE, key).status_code == 200
            assert refused(used_from(house, OUTSIDE, key))

    def test_a_trusted_proxy_is_seen_through(self, trusting: None, house: House) -> None:
        key = house.key(house.user(), networks=["10.0.0.0/8"])
        assert used_from(house, "172.16.0.1", key, forwarded=INSIDE).status_code == 200
        assert refused(used_from(house, "172.16.0.1", key, forwarded=OUTSIDE))
        assert refused(used_from(house, "172.16.0.1", key, forwarded=f"{INSIDE}, {OUTSIDE}"))
        assert refused(used_from(house, OUTSIDE, key, forwarded=INSIDE))

    def test_who_is_no_proxy_says_in_vain_where_it_comes_from(self, house: House) -> None:
        key = house.key(house.user(), networks=["10.0.0.0/8"])
        assert refused(used_from(house, OUTSIDE, key, forwarded=INSIDE))

    @pytest.mark.parametrize(
        "networks",
        [
            [],
            ["10.0.0.1/8"],
            ["10.0.0.0/33"],
            ["office"],
            [""],
            ["fe80::1%eth0"],
            ["::ffff:10.0.0.0/104"],
            ["10.0.0.0/8" * 9],
            [None],
            "10.0.0.0/8",
            [f"10.0.{each}.0/24" for each in range(51)],
        ],
    )
    def test_what_is_no_network_is_refused(self, house: House, networks: Any) -> None:
        house.user()
        body = {"name": "x", "networks": networks}
        assert house.post("/auth/api-keys", house.token(), json=body).status_code == 422
        assert house.get("/auth/api-keys", house.token()).json() == []

    def test_networks_are_kept_in_one_spelling(self, house: House) -> None:
        house.user()
        body = {"name": "x", "networks": ["2001:DB8:0::/32", "10.0.0.1", " 10.0.0.1/32"]}
        made = house.post("/auth/api-keys", house.token(), json=body).json()
        assert made["networks"] == ["10.0.0.1/32", "2001:db8::/32"]

    def test_terms_that_cannot_be_read_let_nobody_in(self, house: House) -> None:
        """Somebody wrote them by hand."""
        user = house.user()
        for values in ({"networks": ["nonsense"]}, {"rate_limit": "sometimes"}):
            key = house.key(user)
            change(house, key, values)
            assert refused(used_from(house, INSIDE, key))


class TestLimit:
    """A key with a limit is counted by itself, whatever else it is used for."""

    def test_when_it_is_spent_the_answer_says_how_long_to_wait(
        self, counted: None, time: ManualClock, house: House
    ) -> None:
        key = house.key(house.user(), rate_limit="3/minute")
        assert [house.get("/who", key=key).status_code for _ in range(4)] == [200] * 3 + [429]
        answer = house.get("/feed", key=key)
        assert (answer.status_code, answer.json()["detail"]["code"]) == (429, "rate_limited")
        assert 0 < int(answer.headers["retry-after"]) <= 20
        assert answer.headers["ratelimit-policy"]
        assert answer.headers["ratelimit"]

    def test_it_is_let_in_again_in_time(self, time: ManualClock, house: House) -> None:
        key = house.key(house.user(), rate_limit="2/minute")
        for _ in range(3):
            answer = house.get("/who", key=key)
        time.advance(int(answer.headers["retry-after"]))
        assert house.get("/who", key=key).status_code == 200
        assert house.get("/who", key=key).status_code == 429

    def test_one_request_counts_once_however_often_it_is_asked_who_calls(
        self, house: House
    ) -> None:
        other = built()

        async def limited() -> None:
            """The limit of the route asks who calls, and so does what the route needs."""

        needs = [RateLimit("100/minute"), other.auth.require(), other.auth.optional()]
        other.app.get("/limited", dependencies=needs)(limited)
        with other:
            key = other.key(other.user(), rate_limit="5/minute")
            codes = [other.get("/limited", key=key).status_code for _ in range(6)]
        assert codes == [200] * 5 + [429]

    def test_each_key_has_its_own_and_other_credentials_have_none(self, house: House) -> None:
        user = house.user()
        one, other = (house.key(user, rate_limit="1/minute") for _ in range(2))
        assert [house.get("/who", key=each).status_code for each in (one, one, other)] == [
            200,
            429,
            200,
        ]
        assert house.get("/who", token=house.token()).status_code == 200

    def test_who_has_but_the_prefix_spends_nothing(self, house: House) -> None:
        key = house.key(house.user(), rate_limit="1/minute")
        for _ in range(3):
            assert refused(house.get("/who", key=with_secret_of(key, new_api_key().text)))
        assert house.get("/who", key=key).status_code == 200

    @pytest.mark.parametrize("limit", ["", "often", "0/minute", "1/fortnight", 5, "9" * 101])
    def test_what_is_no_limit_is_refused(self, house: House, limit: Any) -> None:
        house.user()
        body = {"name": "x", "rate_limit": limit}
        assert house.post("/auth/api-keys", house.token(), json=body).status_code == 422
        assert house.get("/auth/api-keys", house.token()).json() == []

    def test_a_limit_is_kept_in_one_spelling(self, house: House) -> None:
        house.user()
        body = {"name": "x", "rate_limit": " 100 / 1 minutes"}
        made = house.post("/auth/api-keys", house.token(), json=body).json()
        assert made["rate_limit"] == "100/minute"


class TestScopes:
    """What a key may do: what its owner may now, within its scopes."""

    def test_a_key_loses_what_its_owner_loses_and_has_it_again(self, house: House) -> None:
        user = house.user("ann@example.com", "books:read")
        scoped, whole = house.key(user, "books:read"), house.key(user)
        roles = house.services.roles
        for turn, code in ((roles.revoke, 403), (roles.grant, 200)):
            house.call(turn(user.id, "role of ann", actor="test"))
            assert house.get("/books", key=scoped).status_code == code
            assert house.get("/books", key=whole).status_code == code

    def test_a_key_without_scopes_grows_with_its_owner_and_one_with_scopes_does_not(
        self, house: House
    ) -> None:
        user = house.user("ann@example.com", "books:read")
        scoped, whole = house.key(user, "books:read"), house.key(user)
        house.accounts.role("writer", "books:write")
        house.call(house.services.roles.grant(user.id, "writer", actor="test"))
        assert house.client.post("/books", headers=headers(key=whole)).status_code == 200
        assert house.client.post("/books", headers=headers(key=scoped)).status_code == 403


class TestNumber:
    """An account has so many keys, and no more."""

    @pytest.fixture
    def two_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two keys for each account; ask for it before the house."""
        monkeypatch.setenv("BACKOFFICE_AUTH__KEYS_PER_OWNER", "2")

    def test_one_more_is_refused_until_one_has_ended(
        self, two_each: None, time: ManualClock, house: House
    ) -> None:
        user, soon = house.user(), time.now() + timedelta(hours=1)
        house.key(user)
        house.key(user, expires_at=soon)
        house.key(house.user("bob@example.com"))
        refusal = house.post("/auth/api-keys", house.token(), json={"name": "x"})
        assert (refusal.status_code, refusal.json()["detail"]["code"]) == (409, "too_many_keys")
        time.advance(3600)
        made = house.post("/auth/api-keys", house.token(), json={"name": "x"})
        assert made.status_code == 201

    def test_those_that_go_on_beside_a_successor_count(
        self, two_each: None, time: ManualClock, house: House
    ) -> None:
        user = house.user()
        keys, rotate = house.services.keys, house.services.keys.rotate
        old, _ = house.call(keys.create(user, "one", actor="test"))
        _, new, _ = house.call(rotate(old.id, overlap=timedelta(hours=1), actor="test"))
        path = f"/auth/api-keys/{new.id}/rotate"
        refusal = house.post(path, house.token(), json={"overlap_seconds": 60})
        assert (refusal.status_code, refusal.json()["detail"]["code"]) == (409, "too_many_keys")
        [kept] = [each for each in house.call(keys.of_user(user.id)) if each.id == new.id]
        assert (kept.successor_id, kept.expires_at) == (None, None)
        # One that leaked can be replaced in any case: its successor takes its place.
        assert house.post(path, house.token(), json={"overlap_seconds": 0}).status_code == 201


def with_secret_of(key: str, other: str) -> str:
    """A well-formed key of the one's id and the other's secret."""
    body = key[:16] + other[16:48]
    return body + _checksum(body)


def change(house: House, key: str, values: dict[str, Any]) -> None:
    """Write to the row of a key, past the app."""

    async def written() -> None:
        async with house.services.database.session() as session:
            await session.exec(
                update(ApiKey).where(col(ApiKey.prefix) == key[:15]).values(**values)
            )
            await session.commit()

    house.call(written())


@pytest.mark.parametrize(
    ("inner", "outer", "within"),
    [
        (["10.1.0.0/16"], ["10.0.0.0/8"], True),
        (["10.0.0.0/8"], ["10.1.0.0/16"], False),
        (["10.1.0.0/16", "2001:db8::/48"], ["10.0.0.0/8", "2001:db8::/32"], True),
        (["::/0"], ["0.0.0.0/0"], False),
        (None, ["10.0.0.0/8"], False),
        (["10.0.0.0/8"], None, True),
        (None, None, True),
    ],
)
def test_networks_lie_within_others(
    inner: list[str] | None, outer: list[str] | None, within: bool
) -> None:
    assert key_terms.within(inner, outer) is within
