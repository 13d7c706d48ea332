"""Mail: one message, handed over or refused with a reason."""

from backoffice.core.mail.backends import Backend, Console, Directory, Memory
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.mailer import Mailer, mailer
from backoffice.core.mail.messages import Mailbox, Message, mailbox
from backoffice.core.mail.settings import MailSettings, mail_settings

__all__ = [
    "Backend",
    "Console",
    "Directory",
    "MailSettings",
    "MailUnavailable",
    "Mailbox",
    "Mailer",
    "Memory",
    "Message",
    "mail_settings",
    "mailbox",
    "mailer",
]
