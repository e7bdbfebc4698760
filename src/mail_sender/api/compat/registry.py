"""Every vendor whose API the gateway speaks: the only file that lists them."""

from __future__ import annotations

from .mailgun import Mailgun
from .postmark import Postmark
from .resend import Resend
from .sendgrid import SendGrid
from .ses import Ses
from .vendor import Vendor

VENDORS: tuple[Vendor, ...] = (Ses(), SendGrid(), Mailgun(), Postmark(), Resend())
