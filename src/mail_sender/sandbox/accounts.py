"""Which JSON APIs are imitated: the only file of the sandbox that lists them.

Neighbours: `server` makes an account of each kind that it is told. A new imitation is one file
and one line below, beside its word in `faults.Kind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .api_account import ApiAccount
from .brevo import Brevo
from .faults import Kind
from .mailersend import MailerSend
from .mailjet import Mailjet
from .mailtrap import Mailtrap
from .mandrill import Mandrill
from .postal import Postal
from .postmark import Postmark
from .resend import Resend
from .scaleway import Scaleway
from .sendgrid import SendGrid
from .sparkpost import SparkPost

API_ACCOUNTS: Mapping[Kind, type[ApiAccount]] = MappingProxyType(
    {
        Kind.POSTMARK: Postmark,
        Kind.SENDGRID: SendGrid,
        Kind.RESEND: Resend,
        Kind.BREVO: Brevo,
        Kind.MAILJET: Mailjet,
        Kind.SPARKPOST: SparkPost,
        Kind.MAILTRAP: Mailtrap,
        Kind.MAILERSEND: MailerSend,
        Kind.SCALEWAY: Scaleway,
        Kind.POSTAL: Postal,
        Kind.MANDRILL: Mandrill,
    }
)
