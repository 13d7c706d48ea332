"""The routes of accounts, in the order in which a reader meets them."""

from typing import TYPE_CHECKING

from fastapi import APIRouter

from backoffice.auth.routes import (
    api_keys,
    grants,
    keys,
    me,
    own_session,
    recovery,
    roles,
    sessions,
    sign_in,
    tickets,
    tokens,
    users,
)
from backoffice.auth.routes.private import PrivateRoute
from backoffice.core import singletons
from backoffice.core.mail import mail_worker
from backoffice.core.routes import SelectiveRouter

if TYPE_CHECKING:
    from backoffice.auth.auth import Auth


def account_router(auth: "Auth") -> APIRouter:
    """A router with the routes of every feature, which brings the services' lifespan."""
    router = SelectiveRouter(
        tags=["auth"], lifespan=singletons(auth.services, mail_worker), route_class=PrivateRoute
    )
    for feature in (
        sign_in,
        own_session,
        recovery,
        me,
        sessions,
        tokens,
        api_keys,
        tickets,
        keys,
        users,
        roles,
        grants,
    ):
        feature.add(router, auth)
    return router
