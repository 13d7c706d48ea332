"""A directory that mail goes to, read as its owners would."""

import email
import email.policy
import re
import time
from email.message import EmailMessage
from pathlib import Path

WAIT_SECONDS = 20


class MailFolder:
    """What `BACKOFFICE_MAIL__URL=file:///...` leaves in a directory; each mail is read once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: set[Path] = set()
        self.url = f"file://{path}"

    def take(self, to: str, subject: str) -> str:
        """The text of the mail to that address whose subject begins so, waited for."""
        ends = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < ends:
            for file in sorted(set(self._path.glob("*.eml")) - self._read):
                mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
                if mail["To"] == to and mail["Subject"].startswith(subject):
                    self._read.add(file)
                    return _text(mail)
            time.sleep(0.05)
        raise AssertionError(f"no mail {subject!r} to {to} has come")

    def link(self, to: str, subject: str) -> str:
        """The address that such a mail leads to."""
        (found,) = re.findall(r"https?://\S+token=\S+", self.take(to, subject))
        return str(found)


def _text(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    text: str = body.get_content()
    return text
