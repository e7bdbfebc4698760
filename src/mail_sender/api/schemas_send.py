"""Wire names: what a client sends.

A field that is null counts as left out. Whatever the fields alone can tell is checked here
(types, addresses, base64); the rules of mail are `intake.rules`, and both speak in pointers.
"""

from __future__ import annotations

import binascii
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import (
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from ..domain import message as domain
from ..domain.address import mailbox, parse_mailbox
from ..domain.errors import Fault, InvalidMessage
from ..domain.message import Content, Disposition, Mailbox, Mode, OnUnknown, Priority
from ..intake.rules import MAX_AHEAD, MAX_RECIPIENTS, MAX_TAGS, MAX_TIMEOUT, MIN_TIMEOUT
from .schemas import Request, Time

_LONGEST = timedelta(days=30)  #: for `give_up_after`
MOST_IN_A_BATCH = 500


# ---------------------------------------------------------------- mailboxes

_MAILBOX_SCHEMA: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "description": "`ann@example.net` or `Ann <ann@example.net>`."},
        {
            "type": "object",
            "properties": {
                "address": {"type": "string", "examples": ["ann@example.net"]},
                "name": {"type": "string", "examples": ["Ann"]},
            },
            "required": ["address"],
            "additionalProperties": False,
        },
    ],
    "examples": ["Ann <ann@example.net>"],
}


class _MailboxObject(Request):
    address: str
    name: str | None = None

    @model_validator(mode="after")
    def _is_a_mailbox(self) -> Self:
        mailbox(self.address, self.name or "")
        return self


def read_mailbox(value: object) -> Mailbox:
    """Return a mailbox written as text or as an object. Raises `ValueError` in words."""
    if isinstance(value, str):
        return parse_mailbox(value)
    if isinstance(value, dict):
        fields = _MailboxObject.model_validate(value)
        return mailbox(fields.address, fields.name or "")
    raise ValueError("expected an address such as ann@example.net, or {address, name}")


def _one_or_many(value: object, read_list: ValidatorFunctionWrapHandler) -> object:
    """Take a single mailbox for a list of one; its faults point at the field, not into a list."""
    if value is None or isinstance(value, list):
        return read_list(value)
    try:
        return read_list([value])
    except ValidationError as error:
        raise _without_index(error) from None


def _without_index(error: ValidationError) -> ValidationError:
    return ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                type=PydanticCustomError("value_error", "{error}", each.get("ctx") or {})
                if each["type"] == "value_error"
                else each["type"],
                loc=each["loc"][1:],
                input=None,
                ctx=each.get("ctx") or {},
            )
            for each in error.errors(include_url=False)
        ],
    )


MailboxIn = Annotated[Mailbox, PlainValidator(read_mailbox), WithJsonSchema(_MAILBOX_SCHEMA)]
MailboxesIn = Annotated[
    Annotated[list[MailboxIn], Field(max_length=MAX_RECIPIENTS)] | None,
    WrapValidator(_one_or_many),
    WithJsonSchema(
        {
            "anyOf": [
                *_MAILBOX_SCHEMA["anyOf"],
                {"type": "array", "items": _MAILBOX_SCHEMA, "maxItems": MAX_RECIPIENTS},
                {"type": "null"},
            ],
            "examples": [["Ann <ann@example.net>"]],
        }
    ),
]

# ---------------------------------------------------------------- attachments


def read_base64(value: object) -> bytes:
    """Return the bytes of RFC 4648 section 4 base64, padded, without line breaks."""
    if not isinstance(value, str):
        raise ValueError("expected base64 in a string")  # noqa: TRY004 - pydantic's contract
    try:
        return binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    except UnicodeEncodeError:
        raise ValueError("not base64: it has a character outside of A-Z a-z 0-9 + / =") from None
    except binascii.Error:
        raise ValueError(
            "not base64 (RFC 4648 section 4): A-Z a-z 0-9 + /, padded with =, no line breaks"
        ) from None


class AttachmentIn(Request):
    """One file."""

    filename: Annotated[str, Field(description="Without directories.", examples=["order.pdf"])]
    content_type: Annotated[str, Field(examples=["application/pdf"])]
    content: Annotated[
        bytes,
        PlainValidator(read_base64),
        WithJsonSchema(
            {"type": "string", "contentEncoding": "base64", "examples": ["SGVsbG8gd29ybGQK"]}
        ),
    ]
    content_id: Annotated[
        str | None,
        Field(description="For `cid:` links in `html`, without < and >.", examples=["logo"]),
    ] = None
    disposition: Disposition | None = None


def read_template(value: object) -> None:
    """Return nothing: there are no templates yet. Raises `ValueError` when one is asked for."""
    if value is not None:
        raise ValueError("templates are not available in this version")


# ---------------------------------------------------------------- a message


class SendRequest(Request):
    """A message to send. Unknown fields are refused; a field that is null counts as left out."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from": "Shop <shop@example.com>",
                    "to": ["Ann <ann@example.net>"],
                    "subject": "Order 7",
                    "text": "Thank you for your order.",
                    "tags": ["orders"],
                    "metadata": {"order": "7"},
                }
            ]
        },
    )

    sender: Annotated[
        MailboxIn | None,
        Field(alias="from", description="May be left out where the gateway has a default sender."),
    ] = None
    to: Annotated[
        MailboxesIn,
        Field(
            description="At least one recipient in `to`, `cc` and `bcc` together, at most "
            f"{MAX_RECIPIENTS}. A single mailbox may stand without a list."
        ),
    ] = None
    cc: MailboxesIn = None
    bcc: Annotated[MailboxesIn, Field(description="Get the mail and are named nowhere in it.")] = (
        None
    )
    reply_to: MailboxesIn = None
    subject: Annotated[
        str | None, Field(description="One line, at most 998 characters.", examples=["Order 7"])
    ] = None
    text: Annotated[str | None, Field(description="At least one of `text` and `html`.")] = None
    html: str | None = None
    attachments: list[AttachmentIn] | None = None
    headers: Annotated[
        dict[str, str] | None,
        Field(
            description="Extra header fields; not those that the gateway owns (From, To, Date, "
            "Message-ID, Content-…).",
            examples=[{"X-Campaign": "spring"}],
        ),
    ] = None
    tags: Annotated[
        list[str] | None,
        Field(description=f"At most {MAX_TAGS}, each of 1 to 64 of `A-Z a-z 0-9 _ -`."),
    ] = None
    metadata: Annotated[
        dict[str, str] | None,
        Field(description="At most 20 pairs, 4 KB; comes back in the message."),
    ] = None
    template: Annotated[
        None,
        PlainValidator(read_template),
        WithJsonSchema({"type": "null"}),
        Field(description="Templates are not available in this version."),
    ] = None
    send_at: Annotated[
        Time | None, Field(description=f"At most {MAX_AHEAD.days} days ahead; async only.")
    ] = None
    give_up_after: Annotated[
        float | None,
        Field(
            ge=1,
            le=_LONGEST.total_seconds(),
            allow_inf_nan=False,
            description="Seconds: do not try later than this after acceptance (or `send_at`).",
            examples=[600],
        ),
    ] = None
    priority: Annotated[Priority | None, Field(description="Strict lanes; default `normal`.")] = (
        None
    )
    route: Annotated[
        str | None, Field(max_length=200, description="See `GET /v1/routes`; default `default`.")
    ] = None
    on_unknown: Annotated[
        OnUnknown | None,
        Field(
            description="When nobody knows whether a provider took it: `wait` for evidence, or "
            "`risk_duplicate` and go on to the next. Default: the route's."
        ),
    ] = None
    mode: Annotated[
        Mode | None,
        Field(
            description="`async` (default): answered once durable. `sync`: answered with the "
            "result, and nothing is sent later behind your back."
        ),
    ] = None
    timeout: Annotated[
        float | None,
        Field(
            ge=MIN_TIMEOUT.total_seconds(),
            le=MAX_TIMEOUT.total_seconds(),
            allow_inf_nan=False,
            description="Seconds that a `sync` request waits; default 30.",
            examples=[10],
        ),
    ] = None

    unsubscribe: Annotated[
        bool | None,
        Field(
            description="The mail gets `List-Unsubscribe` headers with a link for one click (RFC "
            "8058), which suppresses its recipient. For mail to one recipient."
        ),
    ] = None

    def content(self, default_from: Mailbox | None) -> Content:
        """Return the domain's message. Raises `InvalidMessage` when it has no sender."""
        sender = self.sender or default_from
        if sender is None:
            raise InvalidMessage(
                [Fault("/from", "is required: this gateway has no default sender")]
            )
        return Content(
            sender=sender,
            to=tuple(self.to or ()),
            cc=tuple(self.cc or ()),
            bcc=tuple(self.bcc or ()),
            reply_to=tuple(self.reply_to or ()),
            subject=self.subject or "",
            text=self.text,
            html=self.html,
            attachments=tuple([_attachment(file) for file in self.attachments or ()]),
            headers=tuple((self.headers or {}).items()),
            tags=tuple(self.tags or ()),
            metadata=tuple((self.metadata or {}).items()),
            send_at=self.send_at,
            give_up_after=_seconds(self.give_up_after),
            priority=self.priority or Priority.NORMAL,
            route=self.route,
            on_unknown=self.on_unknown,
            mode=self.mode or Mode.ASYNC,
            timeout=_seconds(self.timeout),
            unsubscribe=bool(self.unsubscribe),
        )


class BatchItem(SendRequest):
    """One message of a batch; always async."""

    idempotency_key: Annotated[
        str | None,
        Field(description="Like the header Idempotency-Key of a single message."),
    ] = None


class Batch(Request):
    """Up to 500 messages, accepted in one commit. Each stands or falls alone."""

    messages: Annotated[list[BatchItem], Field(min_length=1, max_length=MOST_IN_A_BATCH)]


SEND_FIELDS = tuple(field.alias or name for name, field in SendRequest.model_fields.items())


def _seconds(value: float | None) -> timedelta | None:
    return None if value is None else timedelta(seconds=value)


def _attachment(file: AttachmentIn) -> domain.Attachment:
    return domain.Attachment(
        filename=file.filename,
        content_type=file.content_type,
        content=file.content,
        content_id=file.content_id,
        disposition=file.disposition or Disposition.ATTACHMENT,
    )
