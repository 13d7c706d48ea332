"""A form whose session was renewed or has ended meanwhile is kept, for whoever has sent it."""

from backoffice.auth import User
from backoffice.auth.sessions import Client
from tests.admin.confirming import confirmed, held
from tests.admin.conftest import ORIGIN, House
from tests.admin.library import Author


def test_a_form_of_before_the_renewal_is_kept_and_asked_about(site: House) -> None:
    """Another tab has confirmed the password: what is typed here is not lost, nor done unseen."""
    old = site.token()
    confirmed(site, site.send("/tags/action", {"name": "delete", "pks": "new"}))
    page = site.send("/authors/add", {"name": "Grace"}, token=old)
    assert page.status_code == 409
    assert "Send it again?" in page.text
    assert [each.name for each in site.all(Author)] == ["Ada"]
    token = dict(held(page))["csrf_token"]
    assert site.send("/authors/add", {"name": dict(held(page))["name"]}, token=token)
    assert [each.name for each in site.all(Author)] == ["Ada", "Grace"]


def test_a_form_of_somebody_else_is_refused_as_ever(site: House) -> None:
    """Signed in as another in this browser: the form is not theirs."""
    old = site.token()
    site.signed_in(superuser=True, email="eve@example.com")
    answer = site.send("/authors/add", {"name": "Grace"}, token=old)
    assert answer.status_code == 403
    assert "Send it again?" not in answer.text
    assert len(site.all(Author)) == 1


def test_what_was_typed_when_the_session_ended_is_kept(site: House) -> None:
    """On a page that can be sent again, once whoever typed it is signed in again."""
    old = site.token()
    user = next(each for each in site.all(User) if each.email == "ann@example.com")
    site.call(site.services.sessions.end_all_of(user.id, actor="test", client=Client()))
    form = {"name": "Grace"}
    page = site.send("/authors/add?x=1", form, token=old)
    assert page.status_code == 401
    assert "You are signed out" in page.text
    assert dict(held(page)) == {"csrf_token": old, "name": "Grace"}
    site.sign_in()
    again = site.send("/authors/add?x=1", form, token=old)
    assert again.status_code == 409
    token = dict(held(again))["csrf_token"]
    assert site.send("/authors/add?x=1", form, token=token).status_code == 303
    assert [each.name for each in site.all(Author)] == ["Ada", "Grace"]


def test_no_form_of_a_stranger_is_kept(site: House) -> None:
    """One without a token of ours, from elsewhere, or larger than a stranger's may be."""
    old = site.token()
    site.client.cookies.clear()
    for data, headers in (
        ({"name": "x"}, ORIGIN),
        ({"name": "x", "csrf_token": "forged"}, ORIGIN),
        ({"name": "x", "csrf_token": old}, {"Origin": "https://evil.example"}),
        ({"name": "x" * 20_000, "csrf_token": old}, ORIGIN),
    ):
        answer = site.client.post("/admin/authors/add", data=data, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["detail"]["code"] == "unauthenticated"
