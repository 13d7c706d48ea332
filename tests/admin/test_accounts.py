"""The pages of accounts: by auth's services, and never beyond what somebody may do themselves."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from backoffice.auth import ApiKey, AuditEntry, Role, User, UserSession
from backoffice.auth.models import RolePermission, UserRole
from tests.admin.conftest import House, fields_of
from tests.auth.conftest import PASSWORD

MANAGER = ("users:*", "roles:*", "api-keys:*", "sessions:*", "audit:*")


def secret(page: str) -> str:
    found = re.search(r'class="secret"[^>]*>([^<]+)<', page)
    assert found is not None, page
    return found[1]


def user(house: House, email: str) -> User:
    return next(each for each in house.all(User) if each.email == email)


def role(house: House, name: str) -> Role:
    return next(each for each in house.all(Role) if each.name == name)


def roles_of(house: House, email: str) -> list[str]:
    return house.call(house.services.roles.of_user(user(house, email).id))


def told(house: House) -> list[str]:
    return [each.event for each in house.events()]


@pytest.fixture
def root(house: House) -> House:
    """A superuser, signed in; a clerk with a role; a role that nobody holds."""
    house.signed_in(superuser=True, email="root@example.com")
    house.user("clerk@example.com", "books:view")
    house.call(house.services.roles.create("editor", ["books:*"], actor="test"))
    return house


@pytest.fixture
def manager(root: House) -> House:
    """Somebody who manages accounts, and is no superuser, signed in."""
    root.client.cookies.clear()
    root.call(root.services.roles.create("everything", ["*"], actor="test"))
    root.signed_in(*MANAGER, "books:view", email="manager@example.com")
    return root


# Users


def test_no_page_shows_a_hash_or_a_digest(root: House) -> None:
    """Of users, keys, sessions; nor does an export."""
    clerk = user(root, "clerk@example.com")
    key, text = root.call(root.services.keys.create(clerk, "key", actor="test"))
    for path in (
        "/users",
        f"/users/detail?pk={clerk.id}",
        f"/users/edit?pk={clerk.id}",
        "/users/export?format=json",
        "/users/lookup",
        "/api-keys",
        f"/api-keys/detail?pk={key.id}",
        "/api-keys/export?format=json",
    ):
        page = root.open(path).text
        assert clerk.hashed_password not in page
        assert "argon2" not in page
        assert key.digest not in page
        assert text not in page
        assert "hashed" not in page.lower()
        assert "digest" not in page.lower()


def test_a_user_is_created_with_a_generated_password_shown_once(root: House) -> None:
    """It signs in; no later page has it."""
    answer = root.send(
        "/users/add", {"email": "New@Example.com", "roles": "editor", "roles.sent": "1"}
    )
    assert answer.status_code == 200, answer.text
    password = secret(answer.text)
    assert roles_of(root, "new@example.com") == ["editor"]
    created = user(root, "new@example.com")
    assert password not in root.open(f"/users/detail?pk={created.id}").text
    assert password not in root.open("/users").text
    assert "auth.user_created" in told(root)
    login = {"username": "new@example.com", "password": password}
    assert root.client.post("/auth/login", data=login).status_code == 200


def test_a_user_is_created_with_a_typed_password(root: House) -> None:
    """Then nothing is shown."""
    answer = root.send("/users/add", {"email": "new@example.com", "password": PASSWORD})
    assert answer.status_code == 303
    login = {"username": "new@example.com", "password": PASSWORD}
    assert root.client.post("/auth/login", data=login).status_code == 200


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({"email": "no address"}, "email", "no e-mail address"),
        ({"email": "clerk@example.com"}, "email", "is taken"),
        ({"email": "CLERK@example.com"}, "email", "is taken"),
        ({"email": "x@example.com", "password": "short"}, "password", "at least"),
        ({"email": ""}, "email", "required"),
    ],
)
def test_what_auth_refuses_stands_at_its_field(
    root: House, form: dict[str, str], field: str, message: str
) -> None:
    """422, and nobody was created."""
    before = len(root.all(User))
    answer = root.send("/users/add", form)
    assert answer.status_code == 422
    assert message in answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
    assert len(root.all(User)) == before


def test_a_user_is_changed_by_the_services(root: House) -> None:
    """With an event for the fields, and for each role given and taken."""
    clerk = user(root, "clerk@example.com")
    form = fields_of(root.open(f"/users/edit?pk={clerk.id}").text)
    assert form["roles"] == "role of clerk"
    form = {**form, "email": "office@example.com", "is_verified": "on", "roles": "editor"}
    assert root.send(f"/users/edit?pk={clerk.id}", form).status_code == 303
    changed = user(root, "office@example.com")
    assert (changed.is_verified, changed.is_active) == (True, True)
    assert roles_of(root, "office@example.com") == ["editor"]
    last = {each.event: each for each in root.events()}
    assert last["auth.user_changed"].data["fields"] == ["email", "is_verified"]
    assert last["auth.role_granted"].data["role"] == "editor"
    assert last["auth.role_revoked"].data["role"] == "role of clerk"
    assert last["auth.user_changed"].actor == f"user:{user(root, 'root@example.com').id}"


def test_a_user_form_sent_back_as_it_came_changes_nothing(root: House) -> None:
    """Nor does one that says nothing."""
    clerk = user(root, "clerk@example.com")
    before = told(root)
    page = root.open(f"/users/edit?pk={clerk.id}").text
    assert root.send(f"/users/edit?pk={clerk.id}", fields_of(page)).status_code == 303
    assert root.send(f"/users/edit?pk={clerk.id}", {}).status_code == 303
    assert told(root) == before
    assert user(root, "clerk@example.com").model_dump() == clerk.model_dump()


def test_deactivating_signs_out(root: House) -> None:
    """Every session ends."""
    clerk = user(root, "clerk@example.com")
    root.client.post("/auth/login", data={"username": "clerk@example.com", "password": PASSWORD})
    assert root.send(f"/users/edit?pk={clerk.id}", {"is_active.sent": "1"}).status_code == 303
    assert user(root, "clerk@example.com").is_active is False
    open_ones = [s for s in root.all(UserSession) if s.user_id == clerk.id and s.ended_at is None]
    assert open_ones == []


def test_nobody_deactivates_themselves_or_sets_their_own_password(root: House) -> None:
    """Neither by an action nor by the form; for the password there is the page of one's account,
    which asks for the old one."""
    root.user("other@example.com", superuser=True)
    id = user(root, "root@example.com").id
    for name in ("deactivate", "new-password"):
        form = {"name": name, "pks": str(id)}
        assert root.send("/users/action", form).status_code == 403
    answer = root.send(f"/users/edit?pk={id}", {"is_active.sent": "1"})
    assert answer.status_code == 422
    assert "This is your own account" in answer.text
    assert user(root, "root@example.com").is_active


def test_the_last_superuser_stays(root: House) -> None:
    """What the services refuse stands above the form, and no 500 anywhere."""
    id = user(root, "root@example.com").id
    answer = root.send(f"/users/edit?pk={id}", {"is_superuser.sent": "1"})
    assert answer.status_code == 422
    assert "last active superuser" in answer.text
    assert user(root, "root@example.com").is_superuser


def test_a_new_password_is_made_and_shown_once(root: House) -> None:
    """Sessions end; the hash is made by auth."""
    clerk = user(root, "clerk@example.com")
    answer = root.send("/users/action", {"name": "new-password", "pks": str(clerk.id)})
    assert answer.status_code == 200
    login = {"username": "clerk@example.com", "password": secret(answer.text)}
    assert root.client.post("/auth/login", data=login).status_code == 200
    assert told(root)[-2:] == ["auth.password_changed", "auth.signed_in"]


def test_a_user_is_deleted_by_the_services(root: House) -> None:
    """With their keys and sessions; nobody deletes themselves."""
    clerk, own = user(root, "clerk@example.com"), user(root, "root@example.com")
    answer = root.send("/users/action", {"name": "delete", "pks": str(clerk.id)})
    assert answer.status_code == 303
    assert told(root)[-1] == "auth.user_deleted"
    assert root.send("/users/action", {"name": "delete", "pks": str(own.id)}).status_code == 403
    assert [each.email for each in root.all(User)] == ["root@example.com"]


def test_signing_out_everywhere_ends_every_session(root: House) -> None:
    """Of those chosen."""
    clerk = user(root, "clerk@example.com")
    root.client.post("/auth/login", data={"username": "clerk@example.com", "password": PASSWORD})
    answer = root.send("/users/action", {"name": "end-sessions", "pks": str(clerk.id)})
    assert answer.status_code == 303
    assert all(s.ended_at for s in root.all(UserSession) if s.user_id == clerk.id)


# Escalation


def test_a_manager_makes_no_superuser(manager: House) -> None:
    """Neither by the form, which has no such field, nor by hand."""
    clerk = user(manager, "clerk@example.com")
    assert "is_superuser" not in manager.open(f"/users/edit?pk={clerk.id}").text
    form = {"is_superuser": "on", "is_superuser.sent": "1"}
    manager.send(f"/users/edit?pk={clerk.id}", form)
    manager.send("/users/add", {"email": "new@example.com", "password": PASSWORD, **form})
    own = user(manager, "manager@example.com")
    manager.send(f"/users/edit?pk={own.id}", form)
    superusers = [each.email for each in manager.all(User) if each.is_superuser]
    assert superusers == ["root@example.com"]


def test_a_manager_gives_no_role_that_may_more(manager: House) -> None:
    """To nobody, themselves included, old or new."""
    clerk, own = user(manager, "clerk@example.com"), user(manager, "manager@example.com")
    for each in (clerk, own):
        page = manager.open(f"/users/edit?pk={each.id}").text
        assert 'value="everything"' not in page
        form = {**fields_of(page), "roles": ["everything"]}
        answer = manager.send(f"/users/edit?pk={each.id}", form)
        assert answer.status_code == 422
        assert "it allows what you may not do" in answer.text
    answer = manager.send(
        "/users/add",
        {"email": "new@example.com", "password": PASSWORD, "roles": "editor", "roles.sent": "1"},
    )
    assert answer.status_code == 422
    granted = {manager.get(Role, each.role_id).name for each in manager.all(UserRole)}  # type: ignore[union-attr]
    assert granted == {"role of clerk", "role of manager"}


def test_a_manager_does_not_touch_those_who_may_more(manager: House) -> None:
    """No edit, no password, no deletion, no sign-out of a superuser or of a mightier user."""
    mighty = manager.user("mighty@example.com")
    manager.call(manager.services.roles.grant(mighty.id, "everything", actor="test"))
    for target in (user(manager, "root@example.com"), mighty):
        hashed = target.hashed_password
        assert f"/admin/users/edit?pk={target.id}" not in manager.open("/users").text
        assert manager.open(f"/users/edit?pk={target.id}").status_code == 403
        form = {"email": "stolen@example.com"}
        assert manager.send(f"/users/edit?pk={target.id}", form).status_code == 403
        for name in ("new-password", "delete", "end-sessions"):
            answer = manager.send("/users/action", {"name": name, "pks": str(target.id)})
            assert answer.status_code == 403
        found = user(manager, target.email)
        assert found.hashed_password == hashed


def test_a_manager_puts_no_permission_into_a_role_that_they_do_not_hold(manager: House) -> None:
    """Into a new role, into one of their own; nor takes one out."""
    answer = manager.send("/roles/add", {"name": "mine", "permissions": "books:view\nbooks:delete"})
    assert answer.status_code == 422
    assert "books:delete" in answer.text
    own = role(manager, "role of manager")
    answer = manager.send(f"/roles/edit?pk={own.id}", {"permissions": "*"})
    assert answer.status_code == 422
    everything = role(manager, "everything")
    assert manager.open(f"/roles/edit?pk={everything.id}").status_code == 403
    form = {"permissions": ""}
    assert manager.send(f"/roles/edit?pk={everything.id}", form).status_code == 403
    asked = {"name": "delete", "pks": str(everything.id)}
    assert manager.send("/roles/action", asked).status_code == 403
    held = {each.permission for each in manager.all(RolePermission)}
    assert "books:delete" not in held
    assert (
        manager.send("/roles/add", {"name": "ok", "permissions": "books:view"}).status_code == 303
    )


def test_a_key_may_no_more_than_its_owner(manager: House) -> None:
    """What auth refuses stands at the scopes."""
    answer = manager.send("/api-keys/add", {"name": "key", "scopes": "books:delete"})
    assert answer.status_code == 422
    assert "books:delete" in answer.text.split('id="scopes-error">')[1]
    assert manager.all(ApiKey) == []


# Roles


def test_a_role_is_created_changed_and_deleted_by_the_services(root: House) -> None:
    """With an event for each; its permissions stand one on a line."""
    form = {
        "name": "seller",
        "description": "Sells",
        "permissions": "books:view\r\n\r\nauthors:*\r\n",
    }
    assert root.send("/roles/add", form).status_code == 303
    seller = role(root, "seller")
    page = root.open(f"/roles/edit?pk={seller.id}").text
    assert fields_of(page)["permissions"] == "authors:*\r\nbooks:view"
    before = told(root)
    assert root.send(f"/roles/edit?pk={seller.id}", fields_of(page)).status_code == 303
    assert told(root) == before
    form = {"name": "clerk", "permissions": "books:view"}
    assert root.send(f"/roles/edit?pk={seller.id}", form).status_code == 303
    changed = role(root, "clerk")
    assert changed.description == "Sells"
    assert root.call(root.services.roles.permissions_of(changed.id)) == ["books:view"]
    assert root.send("/roles/action", {"name": "delete", "pks": str(changed.id)}).status_code == 303
    assert "clerk" not in [each.name for each in root.all(Role)]
    assert told(root).count("auth.role_changed") - before.count("auth.role_changed") == 2


@pytest.mark.parametrize(
    ("form", "field", "message"),
    [
        ({"name": "editor"}, "name", "already"),
        ({"name": ""}, "name", "required"),
        ({"name": "x", "permissions": "Books:View"}, "permissions", "not a permission"),
        ({"name": "x", "permissions": "books:view\nnonsense"}, "permissions", "not a permission"),
        ({"name": "x" * 65}, "", "64 printable characters"),
    ],
)
def test_a_bad_role_is_refused_at_its_field(
    root: House, form: dict[str, str], field: str, message: str
) -> None:
    """And not created by half."""
    before = len(root.all(Role))
    answer = root.send("/roles/add", form)
    assert answer.status_code == 422
    told_at = answer.text.split(f'id="{field}-error">')[1] if field else answer.text
    assert message in told_at
    assert len(root.all(Role)) == before


def test_a_bad_permission_leaves_the_whole_role_as_it_is(root: House) -> None:
    """Its name and description too."""
    editor = role(root, "editor")
    form = {"name": "renamed", "permissions": "nonsense"}
    assert root.send(f"/roles/edit?pk={editor.id}", form).status_code == 422
    assert role(root, "editor").id == editor.id


# API keys, sessions, the log


def test_a_key_is_made_for_oneself_and_shown_once(root: House) -> None:
    """It works; whoever is named as its owner by hand."""
    form = {
        "name": "import",
        "scopes": "users:view\r\nroles:view",
        "expires_at": "2999-01-01T00:00",
        "user_id": str(user(root, "clerk@example.com").id),
    }
    answer = root.send("/api-keys/add", form)
    assert answer.status_code == 200
    (key,) = root.all(ApiKey)
    assert key.user_id == user(root, "root@example.com").id
    assert key.scopes == ["roles:view", "users:view"]
    assert key.expires_at == datetime(2999, 1, 1, tzinfo=UTC)
    text = secret(answer.text)
    assert text.startswith(key.prefix)
    root.client.cookies.clear()
    assert root.client.get("/auth/me", headers={"X-API-Key": text}).status_code == 200


def test_a_key_is_kept_to_networks_and_a_limit(root: House) -> None:
    """As the API does it, in the one spelling of each; its page shows them."""
    form = {"name": "import", "networks": "192.0.2.7\r\n10.0.0.0/8", "rate_limit": "100 / minute"}
    assert root.send("/api-keys/add", form).status_code == 200
    (key,) = root.all(ApiKey)
    assert (key.networks, key.rate_limit) == (["10.0.0.0/8", "192.0.2.7/32"], "100/minute")
    page = root.open(f"/api-keys/detail?pk={key.id}").text
    for shown in ("10.0.0.0/8", "192.0.2.7/32", "100/minute", "Manages credentials", "Expires at"):
        assert shown in page


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("networks", "10.0.0.1/8", "is no network"),
        ("networks", "10.0.0.0/8\nnowhere", "is no network"),
        ("rate_limit", "often", "often"),
        ("rate_limit", "0/minute", "0/minute"),
    ],
)
def test_terms_that_are_none_are_refused_at_their_field(
    root: House, field: str, value: str, message: str
) -> None:
    answer = root.send("/api-keys/add", {"name": "key", field: value})
    assert answer.status_code == 422
    assert message in answer.text.split(f'id="{field}-error">')[1].split("</p>")[0]
    assert root.all(ApiKey) == []


def test_a_rotated_key_names_its_successor(root: House) -> None:
    clerk, hour = user(root, "clerk@example.com"), timedelta(hours=1)
    key, _ = root.call(root.services.keys.create(clerk, "key", actor="test"))
    _, new, _ = root.call(root.services.keys.rotate(key.id, overlap=hour, actor="test"))
    page = root.open(f"/api-keys/detail?pk={key.id}").text
    assert f'href="/admin/api-keys/detail?pk={new.id}"' in page


def test_a_successor_that_is_gone_breaks_no_page(root: House) -> None:
    clerk, hour = user(root, "clerk@example.com"), timedelta(hours=1)
    key, _ = root.call(root.services.keys.create(clerk, "key", actor="test"))
    _, new, _ = root.call(root.services.keys.rotate(key.id, overlap=hour, actor="test"))
    root.call(root.services.keys.revoke(new.id, actor="test"))
    root.call(root.services.keys.prune(timedelta(0), actor="test"))
    assert [each.id for each in root.all(ApiKey)] == [key.id]
    assert root.open(f"/api-keys/detail?pk={key.id}").status_code == 200
    assert root.open("/api-keys").status_code == 200


@pytest.mark.parametrize("expires_at", ["yesterday", "2000-01-01T00:00"])
def test_a_key_that_never_was_good_is_not_made(root: House, expires_at: str) -> None:
    """422, and no key."""
    answer = root.send("/api-keys/add", {"name": "key", "expires_at": expires_at})
    assert answer.status_code == 422
    assert root.all(ApiKey) == []


def test_a_key_is_revoked_and_never_changed(root: House) -> None:
    """Not by hand either."""
    clerk = user(root, "clerk@example.com")
    key, text = root.call(root.services.keys.create(clerk, "key", actor="test"))
    assert root.open(f"/api-keys/edit?pk={key.id}").status_code == 403
    assert root.send(f"/api-keys/edit?pk={key.id}", {"name": "other"}).status_code == 403
    assert root.send("/api-keys/action", {"name": "revoke", "pks": str(key.id)}).status_code == 303
    assert root.client.get("/auth/me", headers={"X-API-Key": text}).status_code == 401
    assert told(root)[-1] == "auth.api_key_revoked"
    page = root.open(f"/api-keys/detail?pk={key.id}").text
    assert "/admin/api-keys/action" not in page


def test_a_session_is_ended(root: House) -> None:
    """And is shown with its owner's address."""
    root.client.post("/auth/login", data={"username": "clerk@example.com", "password": PASSWORD})
    session = next(
        each for each in root.all(UserSession) if each.user_id == user(root, "clerk@example.com").id
    )
    assert "clerk@example.com" in root.open("/sessions").text
    assert root.send("/sessions/action", {"name": "end", "pks": str(session.id)}).status_code == 303
    ended = root.get(UserSession, session.id)
    assert ended is not None
    assert ended.ended_at is not None
    assert root.open("/sessions/add").status_code == 403


def test_the_log_is_read_and_never_written(root: House) -> None:
    """No verb changes it, not even a superuser's."""
    entry = root.all(AuditEntry)[0]
    before = len(root.all(AuditEntry))
    assert root.open(f"/audit/detail?pk={entry.id}").status_code == 200
    for path in ("/audit/add", f"/audit/edit?pk={entry.id}"):
        assert root.open(path).status_code == 403
        assert root.send(path, {"event": "x"}).status_code == 403
    for name in ("delete", "export", "end"):
        assert root.send("/audit/action", {"name": name, "pks": str(entry.id)}).status_code == 404
    assert len(root.all(AuditEntry)) == before


def test_the_log_names_people_to_those_who_may_see_them(manager: House) -> None:
    """By address; to the others by id."""
    assert ">manager@example.com<" in manager.open("/audit").text.split("<tbody>")[1]
    manager.client.cookies.clear()
    manager.signed_in("audit:view", email="auditor@example.com")
    table = manager.open("/audit").text.split("<tbody>")[1]
    assert ">manager@example.com<" not in table
    assert "user:" in table


def test_viewing_accounts_alone_changes_nothing(root: House) -> None:
    """Every action of every page of accounts, by hand."""
    clerk = user(root, "clerk@example.com")
    key, _ = root.call(root.services.keys.create(clerk, "key", actor="test"))
    root.client.cookies.clear()
    views = [f"{each}:view" for each in ("users", "roles", "api-keys", "sessions", "audit")]
    root.signed_in(*views, email="viewer@example.com")
    before = told(root)
    requests = [
        ("/users/add", {"email": "x@example.com"}),
        (f"/users/edit?pk={clerk.id}", {"email": "x@example.com"}),
        ("/users/action", {"name": "delete", "pks": str(clerk.id)}),
        ("/users/action", {"name": "new-password", "pks": str(clerk.id)}),
        ("/users/action", {"name": "end-sessions", "pks": str(clerk.id)}),
        ("/roles/add", {"name": "x"}),
        (f"/roles/edit?pk={role(root, 'editor').id}", {"name": "x"}),
        ("/roles/action", {"name": "delete", "pks": str(role(root, "editor").id)}),
        ("/api-keys/add", {"name": "x"}),
        ("/api-keys/action", {"name": "revoke", "pks": str(key.id)}),
        ("/sessions/action", {"name": "end", "pks": str(root.all(UserSession)[0].id)}),
    ]
    for path, form in requests:
        assert root.send(path, form).status_code == 403, path
    assert told(root) == before
