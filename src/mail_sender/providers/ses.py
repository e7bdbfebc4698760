"""Amazon SES, API v2 (https://docs.aws.amazon.com/ses/latest/APIReference-V2/).

Neighbours: `ses_mail` has the mapping of a message, `ses_errors` the meaning of a refusal,
`ses_account` that of the answers about account and identities, `ses_webhook` that of its events,
`sigv4` the signature. Quirks:
SES overwrites Message-ID and Date and cannot be asked for an id of ours, so only its events
settle an unknown outcome (the tag `ms_id` and the header X-MS-ID carry our id); a suppressed
recipient is accepted and reported as a bounce later; in SES's sandbox the *recipients* must be
verified too. No SDK is used: theirs repeat a POST by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

import msgspec

from ..domain.errors import ConfigError
from ..domain.message import Address, Message
from ..domain.outcome import Accepted, Outcome
from ..domain.secret import Secret
from .ascii_headers import ascii_form
from .http import HTTP_URL, Answer, Request, Silence, outcome_of_answer
from .http_provider import HttpProvider
from .port import Capabilities, Check, Settling, Verification, VerificationStatus
from .ses_account import finding_of, verification_of
from .ses_errors import outcome_of_refusal, refusal_in
from .ses_mail import MAX_MESSAGE_BYTES, MAX_RECIPIENTS, MAX_TAGS, REFUSED_EXTENSIONS, body_of
from .ses_webhook import SesWebhook
from .settings import CommonSettings, Doc, Tools
from .sigv4 import Credentials, Signer
from .sns import TOPIC_ARN, SnsSubscription, amazons


class Settings(CommonSettings, frozen=True, kw_only=True):
    """The table of a provider with `kind = "ses"`."""

    region: Annotated[
        str,
        Doc(
            pattern="^[a-z0-9-]+$",
            description="AWS region, such as `eu-west-1`: identities and quotas belong to it.",
        ),
    ]
    access_key_id: Annotated[
        str,
        Doc(
            pattern="^[!-~]+$",
            description="Of an IAM user that may `ses:SendEmail` and `ses:SendRawEmail`.",
        ),
    ]
    secret_access_key: Annotated[Secret, Doc(description="The key that belongs to it.")]
    session_token: Annotated[
        Secret | None, Doc(description="Of temporary credentials; they end with it.")
    ] = None
    endpoint_url: (
        Annotated[
            str,
            Doc(
                pattern=HTTP_URL,
                description="Instead of the region's own, for private endpoints and tests.",
            ),
        ]
        | None
    ) = None
    configuration_set: (
        Annotated[
            str,
            Doc(
                pattern="^[A-Za-z0-9_-]{1,64}$",
                description="Named in every mail; it makes SES publish events.",
            ),
        ]
        | None
    ) = None
    topic_arns: Annotated[
        tuple[Annotated[str, Doc(pattern=f"^{TOPIC_ARN}$")], ...],
        Doc(description="SNS topics that tell its events; calls for others are refused."),
    ] = ()
    sns_endpoint_url: (
        Annotated[
            str,
            Doc(
                pattern=HTTP_URL,
                description="Instead of Amazon's SNS: whoever answers there can sign events.",
            ),
        ]
        | None
    ) = None


def make_webhook(_name: str, settings: Settings, tools: Tools) -> SesWebhook | None:
    """Return what takes its events; None when no topic is configured."""
    if not settings.topic_arns:
        return None
    return SesWebhook(
        SnsSubscription(
            amazons(settings.topic_arns, settings.sns_endpoint_url),
            http=tools.http,
            clock=tools.clock,
        )
    )


def make(name: str, settings: Settings, tools: Tools) -> Ses:
    """Return the provider.

    Raises:
        ConfigError: The session token cannot stand in a header.
    """
    token = settings.session_token
    if token is not None and re.search(r"[^!-~]", token.reveal()):
        raise ConfigError(f"providers.{name}.session_token: expected one word of ASCII")
    return Ses(name, settings, tools)


class Ses(HttpProvider):
    """See `port.Provider` and `port.VerifiesAddresses`."""

    kind = "ses"
    title = "Amazon SES"
    capabilities = Capabilities(
        max_recipients=MAX_RECIPIENTS,
        max_message_bytes=MAX_MESSAGE_BYTES,
        max_tags=MAX_TAGS,
        metadata=True,
        custom_headers=True,
        attachments=True,
        inline_images=True,
        smtputf8=False,
        blind_alone=True,
        names_everybody=True,
        settles_by=(Settling.EVENT,),
        whole_mails=True,
    )

    def __init__(self, name: str, settings: Settings, tools: Tools) -> None:
        # A complaint about the signature quotes the headers that were signed, token included.
        token = settings.session_token
        super().__init__(
            name,
            settings,
            tools,
            base_url=settings.endpoint_url or _endpoint(settings.region),
            secrets=(token.reveal(),) if token else (),
        )
        self._configuration_set = settings.configuration_set
        self._hostname = tools.hostname
        credentials = Credentials(
            access_key_id=settings.access_key_id,
            secret_access_key=settings.secret_access_key,
            session_token=token,
        )
        self._signer = Signer(credentials, region=settings.region, service="ses")

    async def verification(self, address: Address) -> Verification:
        """See `VerifiesAddresses.verification`: asks for the address, then for its domain."""
        identity = ascii_form(address)
        if identity is None:
            return Verification(VerificationStatus.FAILED, "SES takes only ASCII before the @")
        own = await self._identity(identity)
        if own.status in {VerificationStatus.VERIFIED, VerificationStatus.UNAVAILABLE}:
            return own
        domain = await self._identity(identity.rpartition("@")[2])
        if domain.status is VerificationStatus.VERIFIED:
            return domain
        nothing_own = own.status is VerificationStatus.NOT_ASKED
        return domain if nothing_own and domain.status is not own.status else own

    async def ask_verification(self, address: Address) -> Verification:
        """See `VerifiesAddresses.ask_verification`.

        Nothing is asked for an address that is covered already: an identity of its own would
        override the settings of its domain.
        """
        known = await self.verification(address)
        if known.status is not VerificationStatus.NOT_ASKED:
            return known
        identity = ascii_form(address) or address
        body = msgspec.json.encode({"EmailIdentity": identity})
        try:
            answer = await self._call("POST", "/v2/email/identities", body)
        except Silence as silence:
            return Verification(VerificationStatus.UNAVAILABLE, silence.reason)
        if answer.status == 200:
            return verification_of(identity, answer)
        refusal = refusal_in(answer)
        if refusal is not None and refusal.type == "AlreadyExistsException":
            return await self.verification(address)
        return verification_of(identity, answer)

    def _obstacle(self, message: Message) -> str | None:
        for attachment in message.content.attachments:
            _, dot, extension = attachment.filename.rpartition(".")
            if dot and extension.lower() in REFUSED_EXTENSIONS:
                return f"Amazon SES refuses attachments such as {attachment.filename}"
        return None

    def _send_request(self, message: Message, to: frozenset[Address]) -> Request:
        now = self._clock.now()
        body = body_of(
            message,
            to,
            configuration_set=self._configuration_set,
            now=now,
            hostname=self._hostname,
        )
        return self._request("POST", "/v2/email/outbound-emails", body, now)

    async def _finding(self) -> tuple[Check, Answer]:
        """See `HttpProvider._finding`: asks for the account's quota (GetAccount)."""
        answer = await self._call("GET", "/v2/email/account")
        return finding_of(answer), answer

    def _request(self, method: str, path: str, body: bytes, now: datetime) -> Request:
        headers = {"Content-Type": "application/json"} if body else {}
        request = Request(method=method, url=self._base + path, headers=headers, body=body)
        return self._signer.sign(request, now=now)

    async def _call(self, method: str, path: str, body: bytes = b"") -> Answer:
        return await self._answer(self._request(method, path, body, self._clock.now()))

    def _outcomes(
        self, answer: Answer, message: Message, to: frozenset[Address]
    ) -> Mapping[Address, Outcome]:
        return dict.fromkeys(to, self._outcome(answer, message))

    def _outcome(self, answer: Answer, message: Message) -> Outcome:
        if 200 <= answer.status < 300:
            body = answer.json()
            message_id = body.get("MessageId") if isinstance(body, dict) else None
            if isinstance(message_id, str) and message_id:
                return Accepted(provider_message_id=message_id)
            return outcome_of_answer(answer, now=self._clock.now())
        sender = ascii_form(message.content.sender.address) or ""
        return outcome_of_refusal(answer, now=self._clock.now(), sender=sender)

    async def _identity(self, identity: str) -> Verification:
        try:
            answer = await self._call("GET", f"/v2/email/identities/{quote(identity, safe='')}")
        except Silence as silence:
            return Verification(VerificationStatus.UNAVAILABLE, silence.reason)
        return verification_of(identity, answer)


def _endpoint(region: str) -> str:
    # The endpoint rule set of the service model: three partitions have a suffix of their own.
    suffix = "amazonaws.com"
    if region.startswith("cn-"):
        suffix = "amazonaws.com.cn"
    elif region.startswith("eusc-"):
        suffix = "amazonaws.eu"
    return f"https://email.{region}.{suffix}"
