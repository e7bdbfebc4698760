"""Amazon SNS: which calls are genuine, and how a subscription is confirmed.

Neighbour: `ses_webhook` reads what genuine ones say. Source: "Verifying the signatures of
Amazon SNS messages" in the SNS developer guide. Anybody may own a topic and have Amazon sign
what it says, so a call counts only for the topics that are configured. No URL of a message is
ever followed: the host is that of the topic's region, and only the certificate's name is taken.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ..clock import Clock
from .http import HttpClient, Request, Silence, Timeouts
from .json_reading import fields_of
from .webhook import (
    Answered,
    Forged,
    Genuine,
    Judgement,
    Malformed,
    Undecided,
    Unreadable,
    is_timely,
    json_of,
    moment_of,
)

TOPIC_ARN = r"arn:(aws[a-z-]*):sns:([a-z0-9-]{3,40}):[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?"

_WINDOW = timedelta(hours=2)  #: SNS repeats for an hour, with the first time and signature
_PATIENCE = Timeouts(
    connect=timedelta(seconds=3), write=timedelta(seconds=3), answer=timedelta(seconds=5)
)
_MAX_CERTIFICATE_BYTES = 64 * 1024
_MOST_CERTIFICATES = 16
_MOST_FETCHES, _IN = 10, timedelta(minutes=1)  #: forged calls must not make us call Amazon
_CERTIFICATE_PATH = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,1000}")
_SUFFIX = {"aws-cn": "amazonaws.com.cn", "aws-eusc": "amazonaws.eu"}
_HASHES: Mapping[str, type[hashes.SHA1 | hashes.SHA256]] = {
    "1": hashes.SHA1,  # what SNS uses unless a topic is told otherwise
    "2": hashes.SHA256,
}
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
    "UnsubscribeConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip


class _NotFetched(Exception):
    """No certificate could be had now."""


@dataclass(frozen=True, slots=True)
class _Bad(Exception):
    """What a call turned out to be."""

    judgement: Judgement


class SnsSubscription:
    """Judges the calls that SNS makes for some topics."""

    def __init__(
        self,
        topic_arns: tuple[str, ...],
        *,
        http: HttpClient,
        clock: Clock,
        endpoint_url: str | None = None,
    ) -> None:
        """Make it.

        Args:
            topic_arns: Calls for others are refused.
            http: For certificates and confirmations.
            clock: For the age of calls and certificates.
            endpoint_url: An imitation of SNS, in whose place the certificate and the
                confirmation are asked for. None: Amazon.
        """
        self._bases = {arn: _base_of(arn, endpoint_url) for arn in topic_arns}
        self._http = http
        self._clock = clock
        self._certificates: dict[str, x509.Certificate] = {}
        self._fetches: deque[datetime] = deque()
        self._fetching = asyncio.Lock()

    async def judge(self, body: bytes) -> Judgement:
        """See `Webhook.judge`."""
        try:
            envelope = _envelope_in(body)
            await self._verify(envelope)
        except _Bad as bad:
            return bad.judgement
        except _NotFetched as error:
            return Undecided(str(error))
        match envelope["Type"]:
            case "Notification":
                return Genuine(envelope["MessageId"])
            case "SubscriptionConfirmation":
                return await self._confirm(envelope)
            case _:
                return Answered(f"the subscription to {envelope['TopicArn']} has ended")

    # ------------------------------------------------ the signature

    async def _verify(self, envelope: Mapping[str, str]) -> None:
        base = self._bases.get(envelope["TopicArn"])
        if base is None:
            raise _Bad(Forged(f"no such topic is configured: {envelope['TopicArn'][:300]}"))
        now = self._clock.now()
        if not is_timely(moment_of(envelope["Timestamp"]), now, _WINDOW):
            raise _Bad(Forged(f"too old, or ahead of our clock: {envelope['Timestamp'][:50]}"))
        algorithm = _HASHES.get(envelope["SignatureVersion"])
        if algorithm is None:
            raise _Bad(Forged("an unknown signature version"))
        certificate = await self._certificate(envelope["SigningCertURL"], base)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise _Bad(Forged("its certificate is not valid now"))
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise _Bad(Forged("its certificate has no RSA key"))
        try:
            signature = b64decode(envelope["Signature"], validate=True)
            key.verify(signature, _signed_text(envelope), padding.PKCS1v15(), algorithm())
        except (Base64Error, InvalidSignature, ValueError):
            raise _Bad(Forged("the signature does not fit")) from None

    async def _certificate(self, url: str, base: str) -> x509.Certificate:
        host, path = url[: len(base)], url[len(base) :]
        if host != base or not _CERTIFICATE_PATH.fullmatch(path):
            raise _Bad(Forged("its certificate is not one of Amazon SNS in the topic's region"))
        known = self._certificates.get(url)
        if known is not None:
            return known
        async with self._fetching:
            if url not in self._certificates:
                fetched = await self._fetched(url)
                while len(self._certificates) >= _MOST_CERTIFICATES:
                    del self._certificates[next(iter(self._certificates))]
                self._certificates[url] = fetched
            return self._certificates[url]

    async def _fetched(self, url: str) -> x509.Certificate:
        now = self._clock.now()
        while self._fetches and self._fetches[0] <= now - _IN:
            self._fetches.popleft()
        if len(self._fetches) >= _MOST_FETCHES:
            raise _NotFetched("too many different certificates were asked for")
        self._fetches.append(now)
        try:
            answer = await self._http.call(Request(method="GET", url=url), _PATIENCE)
        except Silence as silence:
            raise _NotFetched(f"the certificate cannot be had: {silence.reason}") from None
        if answer.status != 200 or len(answer.body) > _MAX_CERTIFICATE_BYTES:
            raise _NotFetched(f"the certificate cannot be had: HTTP {answer.status}")
        try:
            return x509.load_pem_x509_certificate(answer.body)
        except ValueError:
            raise _NotFetched("what is there is no certificate") from None

    # ------------------------------------------------ the handshake

    async def _confirm(self, envelope: Mapping[str, str]) -> Judgement:
        topic, token = envelope["TopicArn"], envelope["Token"]
        if not _TOKEN.fullmatch(token):
            return Malformed("a token of another form")
        query = urlencode({"Action": "ConfirmSubscription", "TopicArn": topic, "Token": token})
        try:
            request = Request(method="GET", url=f"{self._bases[topic]}/?{query}")
            answer = await self._http.call(request, _PATIENCE)
        except Silence as silence:
            return Undecided(f"the subscription cannot be confirmed: {silence.reason}")
        if answer.status != 200:
            return Undecided(f"the subscription was not confirmed: HTTP {answer.status}")
        return Answered(f"subscribed to {topic}")


def message_in(body: bytes) -> str:
    """Return what a genuine notification says. Raises `Unreadable`."""
    message = fields_of(json_of(body)).get("Message")
    if not isinstance(message, str):
        raise Unreadable("a notification without a message")
    return message


def _envelope_in(body: bytes) -> dict[str, str]:
    try:
        document = fields_of(json_of(body))
    except Unreadable:
        raise _Bad(Malformed("not JSON")) from None
    envelope = {name: value for name, value in document.items() if isinstance(value, str)}
    names = _SIGNED.get(envelope.get("Type", ""))
    if names is None:
        raise _Bad(Malformed("no message of SNS"))
    needed = {*names, "SignatureVersion", "Signature", "SigningCertURL"} - {"Subject"}
    if not needed <= envelope.keys():
        raise _Bad(Malformed(f"lacks {', '.join(sorted(needed - envelope.keys()))}"))
    return envelope


def _signed_text(envelope: Mapping[str, str]) -> bytes:
    names = _SIGNED[envelope["Type"]]
    return "".join(f"{n}\n{envelope[n]}\n" for n in names if n in envelope).encode()


def _base_of(arn: str, endpoint_url: str | None) -> str:
    found = re.fullmatch(TOPIC_ARN, arn)
    if found is None:
        raise ValueError(f"not the ARN of a topic: {arn!r}")
    if endpoint_url is not None:
        return endpoint_url.rstrip("/")
    partition, region = found.groups()
    return f"https://sns.{region}.{_SUFFIX.get(partition, 'amazonaws.com')}"
