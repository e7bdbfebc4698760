"""What Amazon SES tells about mails that it has: events and notifications, by SNS.

Neighbours: `sns` says which calls are genuine, `ses` makes the webhook. Source: the SES
developer guide, "Contents of event data that Amazon SES publishes to Amazon SNS". Events of a
configuration set carry our id as a tag, notifications of an identity as the header X-MS-ID,
where they have headers; else only SES's own id is there. Quirks: each bounce is final, also a
transient one; a complaint may name everybody at one receiver; who opened it is not said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar

from ..domain.bounce import (
    SUPPRESSED,
    Bounce,
    BounceReason,
    BounceType,
    bounce_of,
    reply_code_in,
)
from ..domain.feedback import Fact, Feedback
from .json_reading import Document, fields_of, rows_of, text_of, texts_of
from .sns import SnsSubscription, message_in
from .webhook import (
    MAX_DETAIL,
    Judgement,
    Unreadable,
    WebhookCall,
    address_in,
    facts_of,
    json_of,
    moment_of,
)

_ON_A_LIST = {"Suppressed", "OnAccountSuppressionList", "UnsubscribedRecipient"}
_TRANSIENT = {
    "MailboxFull": Bounce(BounceType.SOFT, BounceReason.MAILBOX_FULL),
    "MessageTooLarge": Bounce(BounceType.SOFT, BounceReason.TOO_LARGE),
    "ContentRejected": Bounce(BounceType.BLOCK, BounceReason.SPAM_CONTENT),
    "AttachmentRejected": Bounce(BounceType.BLOCK, BounceReason.SPAM_CONTENT),
}

_VIRUS = Bounce(BounceType.BLOCK, BounceReason.SPAM_CONTENT)


class SesWebhook:
    """See `webhook.Webhook`."""

    comes_again_after_5xx: ClassVar[bool] = True

    def __init__(self, subscription: SnsSubscription) -> None:
        self._subscription = subscription

    async def judge(self, call: WebhookCall) -> Judgement:
        """See `Webhook.judge`."""
        return await self._subscription.judge(call.body)

    def feedback_in(
        self,
        body: bytes,
        *,
        key: str,  # noqa: ARG002 - its own id is better: see `_Record._id`
        received_at: datetime,
    ) -> Sequence[Feedback]:
        """See `Webhook.feedback_in`."""
        message = message_in(body)
        if message.startswith("Successfully validated SNS topic"):
            return []  # what SES says when an event destination is made
        return list(_Record(fields_of(json_of(message)), received_at).feedback())


class _Record:
    """One event, with what all kinds of them have in common."""

    def __init__(self, record: Document, received_at: datetime) -> None:
        self._mail = fields_of(record.get("mail"))
        self._kind = text_of(record.get("eventType") or record.get("notificationType"))
        if not self._kind or not text_of(self._mail.get("messageId")):
            raise Unreadable("not an event of SES")
        # "Rendering Failure" stands under `failure`, "DeliveryDelay" under `deliveryDelay`.
        name = self._kind.rpartition(" ")[2]
        self._what = fields_of(record.get(name[:1].lower() + name[1:]))
        self._at = (
            moment_of(self._what.get("timestamp"))
            or moment_of(self._mail.get("timestamp"))
            or received_at
        )
        self._sent_to = tuple(map(address_in, texts_of(self._mail.get("destination"))))

    def feedback(self) -> Iterator[Feedback]:
        """Yield what it says; nothing of kinds that do not matter to us."""
        match self._kind:
            case "Bounce":
                for row in rows_of(self._what.get("bouncedRecipients")):
                    yield self._bounced(row)
            case "DeliveryDelay":
                for row in rows_of(self._what.get("delayedRecipients")):
                    yield self._refused(Fact.DEFERRED, row, _bounce_in(row))
            case "Complaint":
                detail = text_of(self._what.get("complaintFeedbackType"))
                for row in rows_of(self._what.get("complainedRecipients")):
                    yield self._told(Fact.COMPLAINED, _address(row), detail=detail[:MAX_DETAIL])
            case "Open" | "Click" | "Subscription":
                yield from self._done_by_somebody()
            case _:
                yield from self._of_the_mail()

    def _of_the_mail(self) -> Iterator[Feedback]:
        what = self._what
        match self._kind:
            case "Send":
                yield self._told(Fact.ACCEPTED, self._sent_to)
            case "Delivery":
                whom = tuple(map(address_in, texts_of(what.get("recipients"))))
                said = text_of(what.get("smtpResponse"))
                code = reply_code_in(said)
                yield self._told(Fact.DELIVERED, whom, code=code, detail=said[:MAX_DETAIL])
            case "Reject":
                said = text_of(what.get("reason"))[:MAX_DETAIL]
                yield self._told(Fact.REJECTED, self._sent_to, detail=said, bounce=_VIRUS)
            case "Rendering Failure":
                said = text_of(what.get("errorMessage"))[:MAX_DETAIL]
                yield self._told(Fact.FAILED, self._sent_to, detail=said)
            case _:
                return

    def _done_by_somebody(self) -> Iterator[Feedback]:
        what = self._what
        whom = self._sent_to if len(self._sent_to) == 1 else ()
        facts = facts_of(
            url=text_of(what.get("link")),
            ip=text_of(what.get("ipAddress")),
            user_agent=text_of(what.get("userAgent")),
        )
        if self._kind != "Subscription":
            fact = Fact.OPENED if self._kind == "Open" else Fact.CLICKED
            yield self._told(fact, whom, facts=facts)
        elif fields_of(what.get("newTopicPreferences")).get("unsubscribeAll") is True:
            yield self._told(Fact.UNSUBSCRIBED, whom)

    def _bounced(self, row: Document) -> Feedback:
        type_ = text_of(self._what.get("bounceType"))
        sub_type = text_of(self._what.get("bounceSubType"))
        if sub_type in _ON_A_LIST:
            return self._refused(Fact.REJECTED, row, SUPPRESSED, otherwise=sub_type)
        bounce = _bounce_in(row)
        if type_ == "Permanent" and bounce.type is not BounceType.BLOCK:
            bounce = Bounce(BounceType.HARD, bounce.reason)
        elif type_ == "Transient":
            soft = Bounce(BounceType.SOFT, bounce.reason)
            known = bounce if bounce.type is BounceType.BLOCK else soft
            bounce = _TRANSIENT.get(sub_type, known)
        elif type_ != "Permanent":
            bounce = Bounce(BounceType.UNDETERMINED, bounce.reason)
        return self._refused(Fact.BOUNCED, row, bounce, otherwise=f"{type_} {sub_type}")

    def _refused(self, fact: Fact, row: Document, bounce: Bounce, otherwise: str = "") -> Feedback:
        diagnostic = text_of(row.get("diagnosticCode"))
        return self._told(
            fact,
            _address(row),
            bounce=bounce,
            code=reply_code_in(diagnostic),
            enhanced_code=text_of(row.get("status"))[:20] or None,
            detail=(diagnostic or otherwise)[:MAX_DETAIL],
        )

    def _told(self, fact: Fact, recipients: tuple[str, ...], **fields: Any) -> Feedback:  # noqa: ANN401
        return Feedback(
            id=self._id(fact, recipients),
            fact=fact,
            at=self._at,
            recipients=recipients,
            sent_to=self._sent_to,
            message_id=self._our_id(),
            provider_message_id=text_of(self._mail.get("messageId")),
            **fields,
        )

    def _id(self, fact: Fact, recipients: tuple[str, ...]) -> str:
        """Return an id that an event of a configuration set shares with the notification of it.

        SNS gives each of the two a MessageId of its own. Only bounces and complaints have an id.
        """
        own = text_of(self._what.get("feedbackId")) or ":".join(
            (text_of(self._mail.get("messageId")), text_of(self._what.get("timestamp")))
        )
        link = text_of(self._what.get("link"))
        return ":".join(filter(None, (fact, own, ",".join(recipients), link)))

    def _our_id(self) -> str | None:
        tags = texts_of(fields_of(self._mail.get("tags")).get("ms_id"))
        headers = (
            text_of(header.get("value"))
            for header in rows_of(self._mail.get("headers"))
            if text_of(header.get("name")).lower() == "x-ms-id"
        )
        return next(iter(tags), None) or next(headers, None)


def _bounce_in(row: Document) -> Bounce:
    return bounce_of(text_of(row.get("status")), text_of(row.get("diagnosticCode")))


def _address(row: Document) -> tuple[str, ...]:
    address = address_in(text_of(row.get("emailAddress")))
    return (address,) if address else ()
