"""The pages of accounts: users, roles, API keys, sessions and the audit log."""

from collections.abc import Mapping

from sqlmodel import SQLModel

from backoffice.admin.accounts.api_keys import ApiKeyView
from backoffice.admin.accounts.audit import AuditView
from backoffice.admin.accounts.roles import RoleView
from backoffice.admin.accounts.sessions import SessionView
from backoffice.admin.accounts.users import UserAdmin, UserView
from backoffice.admin.accounts.views import AccountView
from backoffice.auth.user_records import UserRecords

VIEWS: tuple[type[AccountView], ...] = (UserView, RoleView, ApiKeyView, SessionView, AuditView)


def account_views(resources: Mapping[type[SQLModel], str], users: UserRecords) -> list[AccountView]:
    """A view of each kind, that can refer to records of these resources."""
    options = type("UserAdmin", (UserAdmin,), {"model": users.user, "records": users})
    first = UserView(options, resources)
    return [first, *(each(each.admin, resources) for each in VIEWS if each is not UserView)]
