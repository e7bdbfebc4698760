"""How a test speaks with each vendor's door: a small mail, the fullest one, and how errors read."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

import httpx2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from mail_sender.api.compat.mailgun import Mailgun
from mail_sender.api.compat.postmark import Postmark
from mail_sender.api.compat.resend import Resend
from mail_sender.api.compat.sendgrid import SendGrid
from mail_sender.api.compat.ses import Ses
from mail_sender.api.compat.ses_signature import key_pair_of
from mail_sender.api.compat.vendor import PREFIX, Vendor
from mail_sender.intake.keys import hash_secret
from tests.api.stack import SES_SECRET, Stack

Json = dict[str, Any]


class Speaking(ABC):
    """One vendor's language.

    Attributes:
        vendor: Whose.
        path: Of the call that sends one mail.
        full: The body of the fullest mail: every field that is not refused.
        otherwise_tested: Fields, with dots, that exclude others or belong to another call.
    """

    vendor: ClassVar[Vendor]
    path: ClassVar[str]
    full: ClassVar[Json]
    otherwise_tested: ClassVar[set[str]] = set()

    @abstractmethod
    def small(self, subject: str) -> Json:
        """Return a small mail."""

    @abstractmethod
    def shown(self, secret: str) -> dict[str, str]:
        """Return the header that shows a key."""

    @abstractmethod
    def words(self, answer: httpx2.Response) -> str:
        """Return what a library would show of an error."""

    def encoded(self, body: Json, path: str) -> tuple[bytes, dict[str, str]]:
        """Return a body as the vendor wants it, with the headers that say so."""
        return json.dumps(body).encode(), {"Content-Type": "application/json"}

    def nonsense(self) -> tuple[bytes, dict[str, str]]:
        """Return a body that nobody can read, with its headers."""
        return b"{nonsense", self.encoded({}, self.path)[1]

    async def send(
        self,
        stack: Stack,
        *,
        subject: str = "Order 7",
        secret: str | None = "",
        headers: Mapping[str, str] | None = None,
        prefix: str = PREFIX,
    ) -> httpx2.Response:
        """Send a small mail; `secret` "" is the stack's own key, None none."""
        content, named = self.encoded(self.small(subject), self.path)
        return await self.post(
            stack, content, secret=secret, headers={**named, **(headers or {})}, prefix=prefix
        )

    async def post(
        self,
        stack: Stack,
        content: bytes,
        *,
        path: str = "",
        secret: str | None = "",
        headers: Mapping[str, str] | None = None,
        prefix: str = PREFIX,
    ) -> httpx2.Response:
        """Post bytes."""
        base = f"{prefix}/{self.vendor.name}" if prefix else ""
        named = dict(headers or self.encoded({}, self.path)[1])
        if secret is not None:
            named |= self.signed(base + (path or self.path), content, named, secret or stack.secret)
        async with stack.client(None) as client:
            return await client.post(base + (path or self.path), content=content, headers=named)

    def signed(
        self, path: str, content: bytes, headers: Mapping[str, str], secret: str
    ) -> dict[str, str]:
        """Return the headers that show a key, for those who sign."""
        return self.shown(secret)

    async def send_with(
        self,
        stack: Stack,
        path: str,
        field: Sequence[str],
        value: Any,  # noqa: ANN401
    ) -> httpx2.Response:
        """Send the fullest mail of a call with one field more."""
        body = copy.deepcopy(self.full_of(path, field))
        place: Any = body
        for name in field[:-1]:
            place = place.setdefault(name, {})
            if isinstance(place, list):
                if not place:
                    place.append({})
                place = place[0]
        place[field[-1]] = value
        content, named = self.encoded(self.enveloped(body, path), path)
        return await self.post(stack, content, path=path, headers=named)

    def full_of(self, path: str, field: Sequence[str] = ()) -> Json:
        """Return the fullest mail of a call, in the form that has this field."""
        return self.full

    def enveloped(self, body: Json, path: str) -> Any:  # noqa: ANN401
        """Return what is posted for one mail: of a batch, a list with it."""
        return [body] if path.endswith("batch") else body

    def paths_in_fullest(self) -> Iterator[tuple[str, ...]]:
        """Yield the fields that the fullest mail uses."""
        return _paths(self.full, ())


def _paths(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401
    if isinstance(value, dict):
        for name, each in value.items():
            yield (*path, name)
            yield from _paths(each, (*path, name))
    elif isinstance(value, list):
        for each in value:
            yield from _paths(each, path)


class SpeakingResend(Speaking):
    """See `Speaking`."""

    vendor = Resend()
    path = "/emails"
    full: ClassVar[Json] = {
        "from": "Shop <shop@example.com>",
        "to": ["Ann <ann@example.net>"],
        "cc": "bob@example.net",
        "bcc": ["cid@example.org"],
        "reply_to": ["help@example.com"],
        "subject": "Order 7",
        "text": "Thanks",
        "html": "<p>Thanks</p>",
        "headers": {"X-App": "shop"},
        "tags": [{"name": "order", "value": "7"}],
        "attachments": [
            {"filename": "a.txt", "content": "YQ==", "content_type": "text/plain"},
            {"filename": "b.png", "content": {"type": "Buffer", "data": [1]}, "content_id": "b"},
        ],
        "scheduled_at": "2030-01-02T10:00:00Z",
    }

    def small(self, subject: str) -> Json:
        return {
            "from": "shop@example.com", "to": "ann@example.net", "subject": subject, "text": "Hi",
        }  # fmt: skip

    def shown(self, secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}

    def words(self, answer: httpx2.Response) -> str:
        document = answer.json()
        assert document["statusCode"] == answer.status_code
        assert document["name"].replace("_", "").isalpha()
        return str(document["message"])


class SpeakingPostmark(Speaking):
    """See `Speaking`."""

    vendor = Postmark()
    path = "/email"
    full: ClassVar[Json] = {
        "From": "Shop <shop@example.com>",
        "To": "Ann <ann@example.net>, bob@example.net",
        "Cc": "cid@example.org",
        "Bcc": "dan@example.org",
        "ReplyTo": "help@example.com",
        "Subject": "Order 7",
        "TextBody": "Thanks",
        "HtmlBody": "<p>Thanks</p>",
        "Tag": "orders",
        "Metadata": {"order": "7"},
        "Headers": [{"Name": "X-App", "Value": "shop"}],
        "Attachments": [
            {"Name": "a.txt", "Content": "YQ==", "ContentType": "text/plain", "ContentID": "cid:a"}
        ],
        "MessageStream": "outbound",
        "TrackOpens": False,
        "TrackLinks": "None",
    }

    def small(self, subject: str) -> Json:
        return {
            "From": "shop@example.com", "To": "ann@example.net", "Subject": subject,
            "TextBody": "Hi",
        }  # fmt: skip

    def shown(self, secret: str) -> dict[str, str]:
        return {"X-Postmark-Server-Token": secret}

    def words(self, answer: httpx2.Response) -> str:
        document = answer.json()
        if isinstance(document, list):
            [document] = document
        assert document["ErrorCode"] > 0
        return str(document["Message"])


class SpeakingSendGrid(Speaking):
    """See `Speaking`."""

    vendor = SendGrid()
    path = "/v3/mail/send"
    otherwise_tested: ClassVar = {
        "reply_to",
        "reply_to.email",
        "reply_to.name",
        "mail_settings.sandbox_mode.enable",
    }
    full: ClassVar[Json] = {
        "personalizations": [
            {
                "to": [{"email": "ann@example.net", "name": "Ann"}],
                "cc": [{"email": "cid@example.org", "name": "Cid"}],
                "bcc": [{"email": "dan@example.org", "name": "Dan"}],
                "from": {"email": "shop@example.com", "name": "Shop"},
                "subject": "Order 7",
                "headers": {"X-App": "shop"},
                "substitutions": {"-name-": "Ann"},
                "custom_args": {"order": "7"},
                "send_at": 1893499200,
            }
        ],
        "from": {"email": "shop@example.com", "name": "Shop"},
        "reply_to_list": [{"email": "help@example.com", "name": "Help"}],
        "subject": "Order",
        "content": [
            {"type": "text/plain", "value": "Hi -name-"}, {"type": "text/html", "value": "<p>Hi"},
        ],
        "attachments": [
            {"content": "YQ==", "type": "text/plain", "filename": "a.txt",
             "disposition": "attachment", "content_id": "a"},
            {"content": "YQ==", "filename": "b.txt", "contentId": "b"},
        ],
        "headers": {"X-Shop": "1"},
        "categories": ["orders"],
        "custom_args": {"shop": 1},
        "send_at": 1893499200,
        "mail_settings": {
            "bypass_list_management": {"enable": False},
            "bypass_spam_management": {"enable": False},
            "bypass_bounce_management": {"enable": False},
            "bypass_unsubscribe_management": {"enable": False},
            "footer": {"enable": False, "text": "", "html": ""},
            "sandbox_mode": {"enable": False},
        },
        "tracking_settings": {
            "click_tracking": {"enable": False, "enable_text": False},
            "open_tracking": {"enable": False, "substitution_tag": ""},
            "subscription_tracking": {
                "enable": False, "text": "", "html": "", "substitution_tag": "",
            },
            "ganalytics": {
                "enable": False, "utm_source": "", "utm_medium": "", "utm_term": "",
                "utm_content": "", "utm_campaign": "",
            },
        },
    }  # fmt: skip

    def small(self, subject: str) -> Json:
        return {
            "personalizations": [{"to": [{"email": "ann@example.net"}]}],
            "from": {"email": "shop@example.com"},
            "subject": subject,
            "content": [{"type": "text/plain", "value": "Hi"}],
        }

    def shown(self, secret: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {secret}"}

    def words(self, answer: httpx2.Response) -> str:
        errors = answer.json()["errors"]
        assert all(each.keys() == {"message", "field", "help"} for each in errors)
        return "; ".join(f"{each['field']}: {each['message']}" if each["field"]
                         else str(each["message"]) for each in errors)  # fmt: skip


class SpeakingMailgun(Speaking):
    """See `Speaking`."""

    vendor = Mailgun()
    path = "/v3/mg.example.com/messages"
    otherwise_tested: ClassVar = {
        "attachment", "inline", "o:testmode", "recipient-variables", "message",
    }  # fmt: skip
    full: ClassVar[Json] = {
        "from": "Shop <shop@example.com>",
        "to": ["Ann <ann@example.net>, bob@example.net"],
        "cc": ["cid@example.org"],
        "bcc": ["dan@example.org"],
        "subject": "Order 7",
        "text": "Thanks",
        "html": "<p>Thanks</p>",
        "h:*": {"Reply-To": "help@example.com", "X-App": "shop"},
        "v:*": {"order": "7"},
        "o:tag": ["orders"],
        "o:deliverytime": "Wed, 02 Jan 2030 10:00:00 -0000",
        "o:deliver-within": "6h",
        "o:suppress-headers": "all",
    }

    def small(self, subject: str) -> Json:
        return {
            "from": "shop@example.com", "to": "ann@example.net", "subject": subject, "text": "Hi",
        }  # fmt: skip

    def shown(self, secret: str) -> dict[str, str]:
        credentials = b64encode(f"api:{secret}".encode()).decode()
        return {"Authorization": f"Basic {credentials}"}

    def encoded(self, body: Json, path: str) -> tuple[bytes, dict[str, str]]:
        pairs: list[tuple[str, str]] = []
        for name, value in body.items():
            if name.endswith(":*"):
                pairs += [(name.removesuffix("*") + inner, v) for inner, v in value.items()]
            else:
                pairs += [(name, v) for v in (value if isinstance(value, list) else [value])]
        named = {"Content-Type": "application/x-www-form-urlencoded"}
        return urlencode(pairs).encode(), named

    def full_of(self, path: str, field: Sequence[str] = ()) -> Json:
        if path.endswith(".mime"):
            return {"to": "ann@example.net", "message": "From: shop@example.com\n\nHi"}
        return self.full

    def nonsense(self) -> tuple[bytes, dict[str, str]]:
        return b"--", {"Content-Type": "multipart/form-data; boundary=b"}

    def words(self, answer: httpx2.Response) -> str:
        return str(answer.json()["message"])


class SpeakingSes(Speaking):
    """See `Speaking`. Requests are signed by botocore."""

    vendor = Ses()
    path = "/v2/email/outbound-emails"
    otherwise_tested: ClassVar = set[str]()
    full: ClassVar[Json] = {
        "FromEmailAddress": "Shop <shop@example.com>",
        "ReplyToAddresses": ["help@example.com"],
        "Destination": {
            "ToAddresses": ["Ann <ann@example.net>"],
            "CcAddresses": ["cid@example.org"],
            "BccAddresses": ["dan@example.org"],
        },
        "Content": {
            "Simple": {
                "Subject": {"Data": "Order 7", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "Thanks", "Charset": "UTF-8"},
                    "Html": {"Data": "<p>Thanks</p>", "Charset": "UTF-8"},
                },
                "Headers": [{"Name": "X-App", "Value": "shop"}],
                "Attachments": [
                    {
                        "FileName": "a.txt", "RawContent": "YQ==", "ContentType": "text/plain",
                        "ContentDisposition": "INLINE", "ContentId": "a",
                        "ContentTransferEncoding": "BASE64",
                    }
                ],
            }
        },
        "EmailTags": [{"Name": "order", "Value": "7"}],
        "ConfigurationSetName": "events",
    }  # fmt: skip
    templated: ClassVar[Json] = {
        "TemplateContent": {"Subject": "Hi {{name}}", "Text": "Hi", "Html": "<p>{{{ name }}}"},
        "TemplateData": '{"name": "Ann"}',
        "Headers": [{"Name": "X-App", "Value": "shop"}],
        "Attachments": [
            {
                "FileName": "a.txt", "RawContent": "YQ==", "ContentType": "text/plain",
                "ContentDisposition": "ATTACHMENT", "ContentId": "a",
                "ContentTransferEncoding": "BASE64",
            }
        ],
    }  # fmt: skip
    bulk: ClassVar[Json] = {
        "FromEmailAddress": "Shop <shop@example.com>",
        "ReplyToAddresses": ["help@example.com"],
        "DefaultContent": {"Template": templated},
        "DefaultEmailTags": [{"Name": "shop", "Value": "1"}],
        "ConfigurationSetName": "events",
        "BulkEmailEntries": [
            {
                "Destination": {
                    "ToAddresses": ["ann@example.net"],
                    "CcAddresses": ["cid@example.org"],
                    "BccAddresses": ["dan@example.org"],
                },
                "ReplacementTags": [{"Name": "order", "Value": "7"}],
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": '{"name": "Bob"}'}
                },
                "ReplacementHeaders": [{"Name": "X-App", "Value": "other"}],
            }
        ],
    }

    def full_of(self, path: str, field: Sequence[str] = ()) -> Json:
        if "bulk" in path:
            return self.bulk
        if "Template" in field:
            return {**self.full, "Content": {"Template": self.templated}}
        return self.full

    def paths_in_fullest(self) -> Iterator[tuple[str, ...]]:
        yield from super().paths_in_fullest()
        yield from _paths(self.bulk, ())
        yield from _paths({"Content": {"Template": self.templated}}, ())
        yield from _paths({"Content": {"Raw": {"Data": "YQ=="}}}, ())

    def small(self, subject: str) -> Json:
        return {
            "FromEmailAddress": "shop@example.com",
            "Destination": {"ToAddresses": ["ann@example.net"]},
            "Content": {"Simple": {"Subject": {"Data": subject}, "Body": {"Text": {"Data": "Hi"}}}},
        }

    def shown(self, secret: str) -> dict[str, str]:
        raise NotImplementedError

    async def post(
        self,
        stack: Stack,
        content: bytes,
        *,
        path: str = "",
        secret: str | None = "",
        headers: Mapping[str, str] | None = None,
        prefix: str = PREFIX,
    ) -> httpx2.Response:
        """Post bytes, signed with the key pair that the gateway gives for the key."""
        target = (f"{prefix}/{self.vendor.name}" if prefix else "") + (path or self.path)
        named = dict(headers or self.encoded({}, self.path)[1])
        if secret is not None:
            pair = await key_pair(stack, secret)
            named = signed(stack, "POST", target, content, named, pair=pair)
        async with stack.client(None) as client:
            return await client.post(target, content=content, headers=named)

    def words(self, answer: httpx2.Response) -> str:
        document = answer.json()
        if "BulkEmailEntryResults" in document:
            return str(document["BulkEmailEntryResults"][0]["Error"])
        assert answer.headers["x-amzn-errortype"].isalpha()
        return str(document["message"])


async def key_pair(stack: Stack, secret: str = "") -> tuple[str, str]:
    """Return the AWS credentials that stand for an API key; a wrong one has wrong ones."""
    key = await stack.store.key_by_hash(hash_secret(secret or stack.secret))
    if key is None:
        return "key_01JZX3M8Q0V5W6Y7Z8A9B0C1D2", "wrong"
    pair = key_pair_of(key.id, SES_SECRET)
    return pair.access_key_id, pair.secret_access_key


def signed(
    stack: Stack,
    method: str,
    target: str,
    content: bytes,
    headers: Mapping[str, str],
    *,
    pair: tuple[str, str],
) -> dict[str, str]:
    """Return the headers of a request as botocore signs it, at the stack's time."""
    request = AWSRequest(
        method=method, url=f"http://gateway.test{target}", data=content, headers=dict(headers)
    )
    signer = SigV4Auth(Credentials(*pair), "ses", "eu-west-1")
    now = stack.clock.now()
    request.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    request.headers["X-Amz-Date"] = request.context["timestamp"]
    canonical = signer.canonical_request(request)
    to_sign = signer.string_to_sign(request, canonical)
    signer._inject_signature_to_request(request, signer.signature(to_sign, request))
    return dict(request.headers.items())


_ALL = (SpeakingSes(), SpeakingSendGrid(), SpeakingMailgun(), SpeakingPostmark(), SpeakingResend())
SPEAKING: dict[str, Speaking] = {it.vendor.name: it for it in _ALL}
