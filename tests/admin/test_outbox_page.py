"""The pages of the outbox: what became of mail, and having it tried again."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from backoffice.core.mail import OutgoingMail
from backoffice.core.mail.models import DEAD, DECOY, SENT, WAITING
from tests.admin.conftest import House

SECRET = "https://shop.example/reset?token=not-for-you"


def mail(id: str, state: str, **fields: Any) -> OutgoingMail:
    now = datetime.now(UTC)
    content = None if state == SENT else {"subject": "Hello", "text": SECRET}
    given = {"template": "reset", "recipient": f"{id}@example.com", "content": content, **fields}
    # Due in an hour: the worker of the app leaves it alone.
    later = now + timedelta(hours=1)
    return OutgoingMail(id=id, state=state, created_at=now, due_at=later, **given)


def put(house: House) -> None:
    house.add(
        mail("bounced", DEAD, error="the server refused the address", attempts=30),
        mail("later", WAITING, template=""),
        mail("gone", SENT, attempts=1),
        mail("decoy", DECOY, recipient=""),
        mail("old", DEAD, expires_at=datetime.now(UTC) - timedelta(days=1)),
    )


def test_what_became_of_mail_is_shown_and_never_what_it_says(house: House) -> None:
    house.signed_in("outbox:view")
    put(house)
    page = house.open("/system/outbox").text
    assert all(f"{each}@example.com" in page for each in ("bounced", "later", "gone", "old"))
    assert "the server refused the address" in page
    assert "decoy" not in page
    assert "Send all that were given up" not in page
    detail = house.open("/system/outbox/detail?id=bounced").text
    assert "Send it again now" not in detail
    assert "not-for-you" not in page + detail
    narrowed = house.open("/system/outbox?state=dead&to=BOUNCE").text
    assert "bounced@example.com" in narrowed
    assert "old@example.com" not in narrowed
    preview = house.open("/system/outbox/preview?name=reset").text
    assert "token=sample" in preview
    assert "not-for-you" not in preview


def test_a_message_that_was_given_up_is_tried_again(house: House) -> None:
    """By who may; the audit log has it. One that has run out is not."""
    house.signed_in("outbox:view")
    put(house)
    assert house.send("/system/outbox/retry", {"id": "bounced"}).status_code == 403
    house.signed_in("outbox:view", "outbox:change", email="op@example.com")
    assert "Send it again now" in house.open("/system/outbox/detail?id=bounced").text
    assert "Send it again now" not in house.open("/system/outbox/detail?id=old").text
    assert house.send("/system/outbox/retry", {"id": "bounced"}).status_code == 303
    found = house.get(OutgoingMail, "bounced")
    assert found is not None
    assert found.state != DEAD
    entry = house.events()[-1]
    assert (entry.event, entry.subject) == ("admin.mail_retried", "mail:bounced")
    assert house.send("/system/outbox/retry", {"id": "old"}).status_code == 409
    assert house.send("/system/outbox/retry", {"id": "gone"}).status_code == 409
    assert house.send("/system/outbox/retry", {"id": "all"}).status_code == 303


def test_odd_questions_are_answered_in_words(house: House) -> None:
    house.signed_in("outbox:view", "outbox:change")
    for path, status in {
        "?state=decoy": 422,
        "?state=x": 422,
        f"?to={'x' * 300}": 422,
        "?after=%2e%2e/x": 404,
        "?after=nobody": 200,
        "/detail?id=nobody": 404,
        "/detail": 404,
        "/preview?name=../x": 404,
    }.items():
        assert house.open(f"/system/outbox{path}").status_code == status, path
    assert house.send("/system/outbox/retry", {}).status_code == 404
    house.signed_in("books:view", email="bob@example.com")
    assert house.open("/system/outbox").status_code == 403
    assert house.open("/system/outbox/detail?id=x").status_code == 403
    assert house.open("/system/outbox/preview?name=reset").status_code == 403


def test_older_messages_are_on_the_next_page(house: House) -> None:
    house.signed_in("outbox:view")
    house.add(*(mail(f"number-{number:02}", SENT) for number in range(60)))
    first = house.open("/system/outbox").text
    following = re.search(r'href="/admin(/system/outbox\?after=[^"]*)" rel="next"', first)
    assert following is not None
    second = house.open(following[1]).text
    shown = [set(re.findall(r"number-\d\d(?=@)", each)) for each in (first, second)]
    assert [len(each) for each in shown] == [50, 10]
    assert len(shown[0] | shown[1]) == 60
    assert 'rel="next"' not in second
