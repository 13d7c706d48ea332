"""Addresses: the one form in which each is kept."""

import unicodedata

from email_validator import EmailNotValidError, validate_email

from backoffice.core import InvalidInput


def normal_email(text: str) -> str:
    """The address in the one form in which it is kept; InvalidInput if it is none.

    NFKC and lower case: the spellings that people mix up are one account. No longer than what mail
    can be sent to, in that form: lower case is longer for some letters.
    """
    plain = unicodedata.normalize("NFKC", text)
    try:
        for _ in range(2):
            checked = validate_email(
                plain, strict=True, check_deliverability=False, globally_deliverable=False
            )
            if (lower := checked.normalized.lower()) == plain:
                break
            plain = lower
    except EmailNotValidError as error:
        raise InvalidInput(f"This is no e-mail address: {error}", code="invalid_email") from None
    return plain
