"""Django with django-anymail sending through Postmark, and a function that sends one mail."""

import os
import threading

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="-",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF="anymail_web",
    MIDDLEWARE=[],
    INSTALLED_APPS=["anymail"],
    USE_TZ=True,
    EMAIL_BACKEND="anymail.backends.postmark.EmailBackend",
    ANYMAIL={
        "POSTMARK_SERVER_TOKEN": "token",
        "POSTMARK_API_URL": os.environ["PROVIDER_URL"] + "/",
        "REQUESTS_TIMEOUT": 10,
    },
)
django.setup()

from django.core.mail import EmailMultiAlternatives, get_connection  # noqa: E402

_kept = threading.local()


def send(mail):
    """Send one mail; KEEP=1 keeps a connection for each thread, which is not anymail's default."""
    connection = None
    if os.environ.get("KEEP") == "1":
        connection = getattr(_kept, "connection", None)
        if connection is None:
            connection = _kept.connection = get_connection()
            connection.open()
    message = EmailMultiAlternatives(
        mail["subject"], mail["text"], mail["from"], mail["to"], connection=connection
    )
    message.attach_alternative(mail["html"], "text/html")
    message.metadata = mail["metadata"]
    message.tags = mail["tags"]
    message.send()
