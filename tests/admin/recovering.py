"""What the tests of recovery share: forms as a browser sends them, and the mail."""

import re

from httpx2 import Response

from backoffice.core.testing import SentMail
from tests.admin.conftest import ORIGIN, House

ANN, NEW = "ann@example.com", "ann@example.org"
OTHER = "quite another one"
PUBLIC = "https://shop.example.org"
MAILING = {
    "BACKOFFICE_MAIL__URL": "memory:",
    "BACKOFFICE_AUTH__PUBLIC_URL": PUBLIC,
    "BACKOFFICE_AUTH__RECOVERY_LIMIT": "1000/hour",
    "BACKOFFICE_AUTH__VERIFY_PAGE": "/admin/verify?token={token}",
    "BACKOFFICE_AUTH__RESET_PAGE": "/admin/reset-password?token={token}",
    "BACKOFFICE_AUTH__FORGOT_PAGE": "/admin/forgot-password",
    "BACKOFFICE_AUTH__SIGN_IN_PAGE": "/admin/login",
}


def link(house: House, to: str = ANN) -> str:
    """The newest link to that address, below the address of the app."""
    newest = SentMail(house.running).to(to)[-1]
    (found,) = re.findall(rf"{PUBLIC}(/admin/[\w-]+\?token=bol_[\w-]{{43}})", newest.text)
    return str(found)


def token(address: str) -> str:
    return address.partition("token=")[2]


def send(house: House, page: str, headers: dict[str, str] = ORIGIN, **form: str) -> Response:
    """The form of a page of recovery, as its browser sends it."""
    return house.client.post(f"/admin/{page}", data=form, headers=headers)


def forgotten(house: House, email: str = ANN) -> str:
    """The link that whoever has forgotten a password is sent."""
    assert send(house, "forgot-password", email=email).status_code == 303
    return link(house, email)


def verified(house: House, email: str = ANN) -> bool:
    user = house.call(house.services.users.find(email))
    return user.is_verified
