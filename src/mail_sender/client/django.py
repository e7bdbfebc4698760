"""Django's mail through the gateway: `EMAIL_BACKEND = "mail_sender.client.django.EmailBackend"`.

Neighbours: `django_mail` reads the messages, `Client` sends them. Needs Django, which the client
does not bring along (docs/client.md).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from .answers import BatchResult, Message
from .django_mail import mail_of
from .errors import ClientError, error_of
from .http1 import Answer
from .mail import Mail
from .sync_client import Client


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="upper"):
    """The dictionary `MAIL_SENDER` of Django's settings; its keys are these in capitals.

    Attributes:
        url: Of the gateway.
        key: API key with the scope `send`; better from a file.
        key_file: A file with the key.
        deadline: Seconds for each call, all its repetitions included. Web workers wait so long.
        mode: `async`: done when the gateway has it durably. `sync`: done when a provider took it.
        timeout: Seconds that the gateway may ask providers, in `sync`.
        addresses: To use instead of looking the name of `url` up.
    """

    url: str = ""
    key: str = ""
    key_file: str = ""
    deadline: float = 15.0
    mode: Literal["async", "sync"] = "async"
    timeout: float = 30.0
    addresses: tuple[str, ...] = ()


class EmailBackend(BaseEmailBackend):  # type: ignore[misc]  # Django has no types
    """Sends what `django.core.mail` is given.

    A message that was handed over has `message.mail_sender`, the gateway's `Message` (of several
    at once, its `BatchResult`), with the id to ask with.
    """

    def __init__(
        self,
        fail_silently: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        *,
        username: str | None = None,  # noqa: ARG002 - Django passes it
        password: str | None = None,
        **given: Any,  # noqa: ANN401
    ) -> None:
        """Read the settings.

        Args:
            fail_silently: Count what was sent instead of raising what the gateway answers.
            username: Not used; `send_mail` passes it.
            password: An API key instead of that of the settings (`auth_password` of `send_mail`).
            given: Further settings instead of those of `MAIL_SENDER`, in small letters.

        Raises:
            ImproperlyConfigured: They make no sense.
        """
        super().__init__(fail_silently=fail_silently)
        given = {name.upper(): value for name, value in given.items()}
        if password:
            given["KEY"] = password
        self._settings = _settings({**getattr(settings, "MAIL_SENDER", {}), **given})

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send messages and return how many of them were accepted.

        Raises:
            ClientError: Of the first one that was not, unless `fail_silently`.
            ValueError: A message says what the gateway's API has no words for; none was sent.
        """
        messages = [message for message in email_messages or () if message.recipients()]
        mails = [mail_of(message) for message in messages]
        failed: list[ClientError] = []
        results = self._results(mails, failed)
        for message, result in zip(messages, results, strict=False):
            message.mail_sender = result
        if failed and not self.fail_silently:
            raise failed[0]
        return sum(result is not None for result in results)

    def _results(
        self, mails: Sequence[Mail], failed: list[ClientError]
    ) -> list[Message | BatchResult | None]:
        """Return what was answered to each, None to those that `failed`."""
        client = shared_client(self._settings)
        if self._settings.mode == "async" and len(mails) > 1:
            try:
                return [_accepted(result, failed) for result in client.send_batch(mails)]
            except ClientError as error:
                failed.append(error)
                return [None] * len(mails)
        results: list[Message | BatchResult | None] = []
        for mail in mails:
            try:
                results.append(self._sent(client, mail))
            except ClientError as error:  # the others do not suffer for it
                failed.append(error)
                results.append(None)
        return results

    def _sent(self, client: Client, mail: Mail) -> Message:
        if self._settings.mode == "sync":
            return client.send_now(mail, timeout=self._settings.timeout)
        return client.send(mail)


@functools.lru_cache(maxsize=16)
def shared_client(settings_: Settings) -> Client:
    """Return the client of this process for these settings.

    Django makes a backend for each `send_mail`; connections, and what is known of dead addresses,
    have to outlive it.
    """
    return Client(
        settings_.url,
        settings_.key,
        deadline=settings_.deadline,
        addresses=settings_.addresses,
    )


def _settings(given: dict[str, Any]) -> Settings:
    try:
        read = msgspec.convert(given, Settings)
        if read.key_file and not read.key:
            key = Path(read.key_file).read_text(encoding="utf-8").strip()
            read = msgspec.structs.replace(read, key=key)
    except (msgspec.ValidationError, OSError) as error:
        raise ImproperlyConfigured(f"MAIL_SENDER: {error}") from None
    if not read.url or not read.key:
        raise ImproperlyConfigured("MAIL_SENDER needs URL, and KEY or KEY_FILE")
    return read


def _accepted(result: BatchResult, failed: list[ClientError]) -> BatchResult | None:
    if result.message is not None:
        return result
    error = error_of(Answer(result.status, {}, msgspec.json.encode(result.problem)))
    error.idempotency_key = result.idempotency_key
    failed.append(error)
    return None
