"""What happens to accounts, for `auth.on(...)` and the audit log."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from backoffice.core import Event


@dataclass(frozen=True, kw_only=True)
class AuthEvent(Event):
    """Root of the events of accounts."""

    #: Whether it was done, or was tried and refused.
    outcome: ClassVar[Literal["success", "failure"]] = "success"
    #: Who did it: `user:<id>`, `cli:<name>`; empty for somebody unknown.
    actor: str = ""
    #: Whom or what it was done to: `user:<id>`, `role:<name>`, `key:<id>`.
    subject: str = ""
    #: The client's address; empty where there is none.
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Registered(AuthEvent):
    """Somebody created an account for themselves."""

    name: ClassVar[str] = "auth.registered"


@dataclass(frozen=True, kw_only=True)
class UserCreated(AuthEvent):
    """An account was created by somebody who may."""

    name: ClassVar[str] = "auth.user_created"


@dataclass(frozen=True, kw_only=True)
class UserChanged(AuthEvent):
    """Fields of an account were changed; their names, not their values."""

    name: ClassVar[str] = "auth.user_changed"
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UserDeleted(AuthEvent):
    """An account was deleted, with its sessions and keys."""

    name: ClassVar[str] = "auth.user_deleted"


@dataclass(frozen=True, kw_only=True)
class SignedIn(AuthEvent):
    """A password was right; `method` is `password` for tokens, `browser` for a session."""

    name: ClassVar[str] = "auth.signed_in"
    method: str = "password"
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class SignInFailed(AuthEvent):
    """A sign-in was refused; `method` is that of SignedIn, or `reauthentication`."""

    name: ClassVar[str] = "auth.sign_in_failed"
    outcome = "failure"
    method: str = "password"


@dataclass(frozen=True, kw_only=True)
class Reauthenticated(AuthEvent):
    """Somebody who is signed in proved their password again: `session` has replaced `before`."""

    name: ClassVar[str] = "auth.reauthenticated"
    session: str = ""
    before: str = ""


@dataclass(frozen=True, kw_only=True)
class SignedOut(AuthEvent):
    """A session was ended by its owner."""

    name: ClassVar[str] = "auth.signed_out"
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class TokenReused(AuthEvent):
    """A spent refresh token came back: somebody has a copy. Its session was ended."""

    name: ClassVar[str] = "auth.token_reused"
    outcome = "failure"
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class PasswordChanged(AuthEvent):
    """A password was changed; the account's other sessions have ended."""

    name: ClassVar[str] = "auth.password_changed"


@dataclass(frozen=True, kw_only=True)
class BreachesUnanswered(AuthEvent):
    """A new password was taken that could not be looked up among stolen ones, for this reason."""

    name: ClassVar[str] = "auth.breaches_unanswered"
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiKeyCreated(AuthEvent):
    """An API key was made."""

    name: ClassVar[str] = "auth.api_key_created"
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiKeyRevoked(AuthEvent):
    """An API key was revoked."""

    name: ClassVar[str] = "auth.api_key_revoked"
    key: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiKeyRotated(AuthEvent):
    """An API key was given a successor; it ends by itself."""

    name: ClassVar[str] = "auth.api_key_rotated"
    key: str = ""
    successor: str = ""


@dataclass(frozen=True, kw_only=True)
class ApiKeysPruned(AuthEvent):
    """API keys that had ended long ago were deleted."""

    name: ClassVar[str] = "auth.api_keys_pruned"
    count: int = 0


@dataclass(frozen=True, kw_only=True)
class RoleChanged(AuthEvent):
    """A role was created, changed or deleted; `change` says how."""

    name: ClassVar[str] = "auth.role_changed"
    change: str = ""


@dataclass(frozen=True, kw_only=True)
class RoleGranted(AuthEvent):
    """A user was given a role, for good or until then."""

    name: ClassVar[str] = "auth.role_granted"
    role: str = ""
    #: ISO 8601; empty where it does not run out.
    expires_at: str = ""


@dataclass(frozen=True, kw_only=True)
class RoleRevoked(AuthEvent):
    """A role was taken from a user."""

    name: ClassVar[str] = "auth.role_revoked"
    role: str = ""


@dataclass(frozen=True, kw_only=True)
class PermissionGranted(AuthEvent):
    """A user was given a permission by no role, for good or until then."""

    name: ClassVar[str] = "auth.permission_granted"
    permission: str = ""
    #: ISO 8601; empty where it does not run out.
    expires_at: str = ""


@dataclass(frozen=True, kw_only=True)
class PermissionTaken(AuthEvent):
    """A permission that was held by no role was taken from a user."""

    name: ClassVar[str] = "auth.permission_taken"
    permission: str = ""


@dataclass(frozen=True, kw_only=True)
class AuditPruned(AuthEvent):
    """The oldest entries of the audit log were deleted, through this number of its chain."""

    name: ClassVar[str] = "auth.audit_pruned"
    through: int = 0
    #: Of the last entry that was deleted: the chain goes on from it.
    digest: str = ""


@dataclass(frozen=True, kw_only=True)
class LinkSent(AuthEvent):
    """A link was sent by mail: to `verify` an address, to `reset` a password, to change the
    `address`; or an owner was told that theirs is `registered` already."""

    name: ClassVar[str] = "auth.link_sent"
    purpose: str = ""


@dataclass(frozen=True, kw_only=True)
class EmailVerified(AuthEvent):
    """The owner of an account has proved its address."""

    name: ClassVar[str] = "auth.email_verified"


@dataclass(frozen=True, kw_only=True)
class ResetSent(AuthEvent):
    """Somebody who manages accounts had the owner of one sent a link to a new password."""

    name: ClassVar[str] = "auth.reset_sent"


@dataclass(frozen=True, kw_only=True)
class ImpersonationStarted(AuthEvent):
    """Somebody looks at the app as another user, until then at the latest; `reason` says why."""

    name: ClassVar[str] = "auth.impersonation_started"
    session: str = ""
    reason: str = ""
    until: str = ""


@dataclass(frozen=True, kw_only=True)
class ImpersonationEnded(AuthEvent):
    """They look at it as themselves again."""

    name: ClassVar[str] = "auth.impersonation_ended"
    session: str = ""


@dataclass(frozen=True, kw_only=True)
class AddressChangeRequested(AuthEvent):
    """An owner, who proved the password, wants another address, which is not proved yet."""

    name: ClassVar[str] = "auth.address_change_requested"


@dataclass(frozen=True, kw_only=True)
class RegisteredAgain(AuthEvent):
    """Somebody tried to register an address that has an account."""

    name: ClassVar[str] = "auth.registered_again"
    outcome = "failure"


@dataclass(frozen=True, kw_only=True)
class Throttled(AuthEvent):
    """Somebody was refused because they tried too often; told once an hour of each.

    `limit` is one of those that `backoffice limits list` names.
    """

    name: ClassVar[str] = "auth.throttled"
    outcome = "failure"
    limit: str = ""


@dataclass(frozen=True, kw_only=True)
class LinkRefused(AuthEvent):
    """Somebody came with a link that is not good; told once an hour of each network."""

    name: ClassVar[str] = "auth.link_refused"
    outcome = "failure"
