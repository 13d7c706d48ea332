"""Why a line is refused. No value of the line is repeated: it may be a secret in a wrong column."""

from dataclasses import dataclass

#: What each code means; docs/import.md has a row for each. A code never changes.
REASONS = {
    "unreadable_line": "this is no line of that format, or one of over 64 KiB or 100 lines",
    "not_text": "the line has bytes that are no UTF-8, or the character 0",
    "wrong_columns": "the line has not as many cells as the header",
    "unknown_column": "the line has a name that is no column",
    "invalid_email": "the address is missing, or is none that mail can be sent to",
    "duplicate_line": "a line before this one has the same address",
    "email_taken": "there is an account with this address",
    "invalid_boolean": "a column of yes or no holds neither",
    "invalid_moment": "created_at is no ISO 8601 date or time of the past",
    "unknown_hash": "the hash is of no form that is known, or costs more than is allowed",
    "two_passwords": "the line has both a password and a hash",
    "weak_password": "the password will not do",
    "service_password": "a service has no password",
    "service_superuser": "a service is no superuser",
    "service_differs": "of the account and the line, one is a service's and the other is not",
    "superuser_not_allowed": "it may do everything; that takes --allow-superusers",
    "invalid_roles": "roles are names with | between them, or a JSON list of names",
    "unknown_role": "there is no role of that name",
    "last_superuser": "this is the last active superuser",
    "last_administrator": "nobody would be left who may change roles or accounts",
    "user_refused": "a rule of the table of users is broken",
    "refused_by_app": "a hook or a listener of the app has refused it",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a line is refused: a code of REASONS, and a sentence."""

    code: str
    detail: str = ""

    @property
    def reason(self) -> str:
        """The sentence."""
        return self.detail or REASONS[self.code]


class Refused(Exception):
    """A line that is refused."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code)
        self.fault = Fault(code, detail)
