"""Topics of Amazon SNS and its like: which calls are genuine, how a subscription is confirmed.

Neighbours: `ses_webhook` and `scaleway_webhook` read what genuine ones say, and say where their
topics live. Source: "Verifying the signatures of Amazon SNS messages" in the SNS developer guide.
Anybody may own a topic and have the operator sign what it says, so a call counts only for the
topics that are configured. No URL of a message is followed beyond the host of the topic's region.
"""

from __future__ import annotations

import asyncio
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
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
_CERTIFICATE_PATH = r"/SimpleNotificationService-[A-Za-z0-9]{1,100}\.pem"
_PLAIN = re.compile(r"[!-~]{1,4000}")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """Where a topic lives, and with it those who may speak for it.

    Attributes:
        url: Of the service, without a path: there subscriptions are confirmed.
        certificates: What the URL of a certificate may be, from the first character to the last.
        authorities: Who must have issued it. None: that it comes from there is enough.
        follows: Whether subscriptions are confirmed by the URL in the message, below `url`; if
            not, that call is put together here.
    """

    url: str
    certificates: re.Pattern[str]
    authorities: tuple[x509.Certificate, ...] | None = None
    follows: bool = False


@dataclass(frozen=True, slots=True)
class _Bad(Exception):
    """What a call turned out to be."""

    judgement: Judgement


class SnsSubscription:
    """Judges the calls that SNS makes for some topics."""

    def __init__(self, topics: Mapping[str, Home], *, http: HttpClient, clock: Clock) -> None:
        """Make it.

        Args:
            topics: By ARN; calls for others are refused.
            http: For certificates and confirmations.
            clock: For the age of calls and certificates.
        """
        self._homes = topics
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
        home = self._homes.get(envelope["TopicArn"])
        if home is None:
            raise _Bad(Forged(f"no such topic is configured: {envelope['TopicArn'][:300]}"))
        now = self._clock.now()
        if not is_timely(moment_of(envelope["Timestamp"]), now, _WINDOW):
            raise _Bad(Forged(f"too old, or ahead of our clock: {envelope['Timestamp'][:50]}"))
        algorithm = _HASHES.get(envelope["SignatureVersion"])
        if algorithm is None:
            raise _Bad(Forged("an unknown signature version"))
        certificate = await self._certificate(envelope["SigningCertURL"], home)
        if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            raise _Bad(Forged("its certificate is not valid now"))
        if home.authorities is not None and not _is_issued_by(home.authorities, certificate, now):
            raise _Bad(Forged("its certificate was issued by somebody else"))
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise _Bad(Forged("its certificate has no RSA key"))
        try:
            signature = b64decode(envelope["Signature"], validate=True)
            key.verify(signature, _signed_text(envelope), padding.PKCS1v15(), algorithm())
        except (Base64Error, InvalidSignature, ValueError):
            raise _Bad(Forged("the signature does not fit")) from None

    async def _certificate(self, url: str, home: Home) -> x509.Certificate:
        if not home.certificates.fullmatch(url):
            raise _Bad(Forged("its certificate is not one of the topic's region"))
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
        topic, home = envelope["TopicArn"], self._homes[envelope["TopicArn"]]
        url = _confirmation(envelope, home)
        if url is None:
            return Malformed("a token of another form, or a URL of another host")
        try:
            request = Request(method="GET", url=url)
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


def _confirmation(envelope: Mapping[str, str], home: Home) -> str | None:
    token, given = envelope["Token"], envelope["SubscribeURL"]
    if home.follows:
        return given if given.startswith(f"{home.url}/") and _PLAIN.fullmatch(given) else None
    if not _TOKEN.fullmatch(token):
        return None
    said = {"Action": "ConfirmSubscription", "TopicArn": envelope["TopicArn"], "Token": token}
    return f"{home.url}/?{urlencode(said)}"


def _is_issued_by(
    authorities: tuple[x509.Certificate, ...], certificate: x509.Certificate, now: datetime
) -> bool:
    for authority in authorities:
        if authority.not_valid_before_utc <= now <= authority.not_valid_after_utc:
            with suppress(ValueError, TypeError, InvalidSignature):
                certificate.verify_directly_issued_by(authority)
                return True
    return False


def amazons(topic_arns: Iterable[str], endpoint_url: str | None = None) -> Mapping[str, Home]:
    """Return where topics of Amazon SNS live.

    Args:
        topic_arns: Each matches `TOPIC_ARN`.
        endpoint_url: An imitation of SNS, in whose place the certificate and the confirmation
            are asked for. None: Amazon.
    """
    return {arn: _amazons(arn, endpoint_url) for arn in topic_arns}


def _amazons(arn: str, endpoint_url: str | None) -> Home:
    found = re.fullmatch(TOPIC_ARN, arn)
    if found is None:
        raise ValueError(f"not the ARN of a topic: {arn!r}")
    partition, region = found.groups()
    own = f"https://sns.{region}.{_SUFFIX.get(partition, 'amazonaws.com')}"
    url = own if endpoint_url is None else endpoint_url.rstrip("/")
    return Home(url=url, certificates=re.compile(re.escape(url) + _CERTIFICATE_PATH))
