"""Every vendor whose API the gateway speaks: the only file that lists them."""

from __future__ import annotations

from .mailgun import Mailgun
from .postmark import Postmark
from .resend import Resend
from .sendgrid import SendGrid
from .vendor import Vendor

VENDORS: tuple[Vendor, ...] = (SendGrid(), Mailgun(), Postmark(), Resend())
