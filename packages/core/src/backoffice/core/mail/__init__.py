"""Mail: what is written, kept in the outbox until it is sent, and handed over or refused."""

from backoffice.core.mail.backends import Backend, Console, Directory, Memory
from backoffice.core.mail.contexts import (
    AddressChangedMail,
    AddressChangeMail,
    AlreadyRegisteredMail,
    MailTemplate,
    PasswordChangedMail,
    ResetMail,
    VerifyMail,
)
from backoffice.core.mail.errors import MailUnavailable
from backoffice.core.mail.mailer import Mailer, mailer
from backoffice.core.mail.messages import Mailbox, Message, mailbox
from backoffice.core.mail.models import OutgoingMail
from backoffice.core.mail.outbox import Outbox, mail_templates, outbox
from backoffice.core.mail.settings import MailSettings, mail_settings
from backoffice.core.mail.templates import Templates
from backoffice.core.mail.worker import MailWorker, mail_worker

__all__ = [
    "AddressChangeMail",
    "AddressChangedMail",
    "AlreadyRegisteredMail",
    "Backend",
    "Console",
    "Directory",
    "MailSettings",
    "MailTemplate",
    "MailUnavailable",
    "MailWorker",
    "Mailbox",
    "Mailer",
    "Memory",
    "Message",
    "Outbox",
    "OutgoingMail",
    "PasswordChangedMail",
    "ResetMail",
    "Templates",
    "VerifyMail",
    "mail_settings",
    "mail_templates",
    "mail_worker",
    "mailbox",
    "mailer",
    "outbox",
]
