"""Sign-in for FastAPI by JWT or API key, done correctly; users, roles and permissions."""

from backoffice.auth.allowed import Allowed
from backoffice.auth.auth import Auth
from backoffice.auth.events import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyRotated,
    ApiKeysPruned,
    AuthEvent,
    BreachesUnanswered,
    PasswordChanged,
    PermissionGranted,
    PermissionTaken,
    Reauthenticated,
    Registered,
    RoleChanged,
    RoleGranted,
    RoleRevoked,
    SignedIn,
    SignedOut,
    SignInFailed,
    TokenReused,
    UserChanged,
    UserCreated,
    UserDeleted,
)
from backoffice.auth.models import ApiKey, AuditEntry, Role, User, UserSession
from backoffice.auth.policies import Policy, policy
from backoffice.auth.principals import Principal
from backoffice.auth.routes.private import PrivateRoute
from backoffice.auth.services import Services
from backoffice.auth.settings import AuthSettings
from backoffice.auth.user_manager import UserManager
from backoffice.auth.user_models import UserModel
from backoffice.core.access import public

__all__ = [
    "Allowed",
    "ApiKey",
    "ApiKeyCreated",
    "ApiKeyRevoked",
    "ApiKeyRotated",
    "ApiKeysPruned",
    "AuditEntry",
    "Auth",
    "AuthEvent",
    "AuthSettings",
    "BreachesUnanswered",
    "PasswordChanged",
    "PermissionGranted",
    "PermissionTaken",
    "Policy",
    "Principal",
    "PrivateRoute",
    "Reauthenticated",
    "Registered",
    "Role",
    "RoleChanged",
    "RoleGranted",
    "RoleRevoked",
    "Services",
    "SignInFailed",
    "SignedIn",
    "SignedOut",
    "TokenReused",
    "User",
    "UserChanged",
    "UserCreated",
    "UserDeleted",
    "UserManager",
    "UserModel",
    "UserSession",
    "policy",
    "public",
]
