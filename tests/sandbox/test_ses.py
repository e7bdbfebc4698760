"""The imitation of SES, judged by the vendor's own SDK and held to its documentation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from email.message import EmailMessage
from typing import Any, TypeVar

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from mail_sender.clock import FakeClock
from mail_sender.sandbox.faults import Auth, ErrorBefore, RateLimited, Suspended, Unverified
from mail_sender.sandbox.server import Sandbox

from .clients import SIGNED, ask, http, ses_send

T = TypeVar("T")


async def with_sdk(sandbox: Sandbox, use: Callable[[Any], T]) -> T:
    """Run `use` with a boto3 client in a thread, as the SDK waits for its answers."""

    def run() -> T:
        client = boto3.client(
            "sesv2",
            region_name="eu-west-1",
            endpoint_url=sandbox.urls["ses"],
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            return use(client)
        finally:
            client.close()

    return await asyncio.to_thread(run)


def simple(**changes: object) -> dict[str, object]:
    return {
        "FromEmailAddress": "=?utf-8?q?Sh=C3=B6p?= <shop@example.com>",
        "Destination": {
            "ToAddresses": ["Ann <ann@example.net>"],
            "CcAddresses": ["cid@example.org"],
            "BccAddresses": ["bob@example.net"],
        },
        "ReplyToAddresses": ["help@example.com"],
        "Content": {
            "Simple": {
                "Subject": {"Data": "Grüße", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "Thänks", "Charset": "UTF-8"},
                    "Html": {"Data": "<p>Thänks", "Charset": "UTF-8"},
                },
                "Headers": [{"Name": "X-MS-ID", "Value": "msg_7"}],
                "Attachments": [
                    {
                        "FileName": "logo.png",
                        "RawContent": b"\x89PNG\x00",
                        "ContentType": "image/png",
                        "ContentDisposition": "INLINE",
                        "ContentId": "logo1",
                        "ContentTransferEncoding": "BASE64",
                    }
                ],
            }
        },
        "EmailTags": [{"Name": "order", "Value": "7"}],
        **changes,
    }


async def test_the_sdk_sends_a_simple_mail_and_all_of_it_is_in_the_inbox(sandbox: Sandbox) -> None:
    """What the inbox shows is what tests compare with what was asked for."""
    answer = await with_sdk(sandbox, lambda ses: ses.send_email(**simple()))

    (mail,) = sandbox.inbox
    said = mail.read()
    assert answer["MessageId"] == mail.provider_message_id
    assert answer["ResponseMetadata"]["RequestId"]
    assert (mail.mail_from, mail.ms_id, mail.subject) == ("shop@example.com", "msg_7", "Grüße")
    assert mail.recipients == ("ann@example.net", "cid@example.org", "bob@example.net")
    assert (said.text, said.html, said.metadata) == ("Thänks", "<p>Thänks", {"order": "7"})
    assert [(m.name, m.address) for m in (*said.sender, *said.to, *said.cc, *said.bcc)] == [
        ("Shöp", "shop@example.com"),
        ("Ann", "ann@example.net"),
        ("", "cid@example.org"),
        ("", "bob@example.net"),
    ]
    assert [m.address for m in said.reply_to] == ["help@example.com"]
    (file,) = said.attachments
    assert (file.filename, file.content, file.content_id) == ("logo.png", b"\x89PNG\x00", "logo1")
    assert (file.disposition, file.content_type, file.size) == ("inline", "image/png", 5)


def raw_mail() -> bytes:
    mail = EmailMessage()
    mail["From"] = "Shop <shop@example.com>"
    mail["To"] = "Ann <ann@example.net>"
    mail["Subject"] = "Grüße"
    mail["X-MS-ID"] = "msg_7"
    mail.set_content("Thanks")
    mail.add_attachment(b"%PDF-", maintype="application", subtype="pdf", filename="inv.pdf")
    return mail.as_bytes()


async def test_the_sdk_sends_a_raw_mail_with_an_attachment(sandbox: Sandbox) -> None:
    """With Raw, Destination is the envelope whatever the headers say."""
    raw = raw_mail()
    content = {"Raw": {"Data": raw}}
    destination = {"ToAddresses": ["bob@example.net"]}
    await with_sdk(sandbox, lambda ses: ses.send_email(Content=content, Destination=destination))

    (mail,) = sandbox.inbox
    said = mail.read()
    assert (mail.recipients, mail.ms_id, mail.subject) == (("bob@example.net",), "msg_7", "Grüße")
    assert (mail.mail_from, mail.raw) == ("shop@example.com", raw)
    assert [m.address for m in said.to] == ["ann@example.net"]
    assert [(f.filename, f.content) for f in said.attachments] == [("inv.pdf", b"%PDF-")]


async def test_a_raw_mail_without_destination_goes_to_its_headers(sandbox: Sandbox) -> None:
    """As the service model says of Destination."""
    await with_sdk(sandbox, lambda ses: ses.send_email(Content={"Raw": {"Data": raw_mail()}}))

    assert [mail.recipients for mail in sandbox.inbox] == [("ann@example.net",)]


async def test_the_sdk_raises_its_own_class_for_each_refusal(sandbox: Sandbox) -> None:
    """The error type must stand where the SDK looks for it."""
    raised = []
    for fault in (RateLimited(), Suspended(), Unverified(), Auth(), ErrorBefore()):
        await sandbox.put_faults("ses", fault)
        with pytest.raises(ClientError) as caught:
            await with_sdk(sandbox, lambda ses: ses.send_email(**simple()))
        raised.append((type(caught.value).__name__, caught.value.response["Error"]["Code"]))

    assert raised == [
        ("TooManyRequestsException", "TooManyRequestsException"),
        ("AccountSuspendedException", "AccountSuspendedException"),
        ("MessageRejected", "MessageRejected"),
        ("ClientError", "UnrecognizedClientException"),
        ("ClientError", "ServiceUnavailable"),
    ]


async def test_a_template_is_refused_in_the_form_of_ses(sandbox: Sandbox) -> None:
    """The sandbox knows no templates, and must not pretend to have sent one."""
    content = {"Template": {"TemplateName": "welcome", "TemplateData": "{}"}}
    with pytest.raises(ClientError, match="Template welcome does not exist") as caught:
        await with_sdk(sandbox, lambda ses: ses.send_email(**simple(Content=content)))

    assert type(caught.value).__name__ == "NotFoundException"


async def test_the_sdk_reads_the_account_and_its_quota_counts_recipients(sandbox: Sandbox) -> None:
    """SES counts recipients, not calls."""
    await with_sdk(sandbox, lambda ses: ses.send_email(**simple()))

    account = await with_sdk(sandbox, lambda ses: ses.get_account())

    assert account["SendQuota"]["SentLast24Hours"] == 3.0
    assert (account["SendingEnabled"], account["ProductionAccessEnabled"]) == (True, True)


async def test_an_address_is_pending_until_somebody_clicks(sandbox: Sandbox) -> None:
    """The path of a new user of SES, with the verification mail in the same inbox."""

    def create(ses: Any) -> dict[str, object]:  # noqa: ANN401 - boto3 has no types
        return dict(ses.create_email_identity(EmailIdentity="ann@example.net"))

    def status(ses: Any) -> str:  # noqa: ANN401
        return str(ses.get_email_identity(EmailIdentity="ann@example.net")["VerificationStatus"])

    created = await with_sdk(sandbox, create)
    assert (created["IdentityType"], created["VerifiedForSendingStatus"]) == (
        "EMAIL_ADDRESS",
        False,
    )
    assert await with_sdk(sandbox, status) == "PENDING"
    (mail,) = sandbox.inbox
    assert (mail.recipients, mail.ms_id) == (("ann@example.net",), None)
    assert "/identities/ann@example.net/verify" in (mail.read().text or "")

    await sandbox.call("POST", "/identities/ann@example.net/verify")

    assert await with_sdk(sandbox, status) == "SUCCESS"
    with pytest.raises(ClientError) as caught:
        await with_sdk(sandbox, create)
    assert type(caught.value).__name__ == "AlreadyExistsException"


async def test_a_domain_has_dkim_records_to_publish(sandbox: Sandbox) -> None:
    """A domain is confirmed by DNS, so no mail is sent."""
    created = await with_sdk(
        sandbox, lambda ses: ses.create_email_identity(EmailIdentity="example.com")
    )

    assert (created["IdentityType"], len(created["DkimAttributes"]["Tokens"])) == ("DOMAIN", 3)
    assert len(sandbox.inbox) == 0


async def test_identities_are_listed_and_deleted(sandbox: Sandbox) -> None:
    """Both lists: the SDK of today posts, older ones get."""

    def use(ses: Any) -> tuple[Any, Any]:  # noqa: ANN401
        ses.create_email_identity(EmailIdentity="example.com")
        listed = ses.list_email_identities()["EmailIdentities"]
        ses.delete_email_identity(EmailIdentity="example.com")
        return listed, ses.list_email_identities()["EmailIdentities"]

    listed, left = await with_sdk(sandbox, use)
    got = await ask(
        sandbox.port_of("ses"), http("GET", "/v2/email/identities", Authorization=SIGNED)
    )

    assert [(i["IdentityName"], i["VerificationStatus"]) for i in listed] == [
        ("example.com", "PENDING")
    ]
    assert (left, got.json) == ([], {"EmailIdentities": []})
    with pytest.raises(ClientError) as caught:
        await with_sdk(sandbox, lambda ses: ses.delete_email_identity(EmailIdentity="example.com"))
    assert type(caught.value).__name__ == "NotFoundException"


async def test_in_the_sandbox_of_ses_everybody_must_be_verified(
    sandbox: Sandbox, clock: FakeClock
) -> None:
    """A verified domain covers its addresses; who is missing is named."""
    await sandbox.put_faults("ses", Unverified())
    for name in ("example.com", "ann@example.net"):
        sandbox.identities.add("ses", name, clock.now())
    await sandbox.call("POST", "/identities/example.com/verify")
    port = sandbox.port_of("ses")

    refused = await ask(port, ses_send())
    await sandbox.call("POST", "/identities/ann@example.net/verify")
    accepted = await ask(port, ses_send())

    assert refused.headers["x-amzn-errortype"] == "messagerejected"
    assert refused.json["message"].endswith("in region EU-WEST-1: ann@example.net")
    assert accepted.status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer x",
        SIGNED.replace("/ses/", "/email/"),
        SIGNED.replace("SignedHeaders", "Headers"),
    ],
)
async def test_a_call_that_is_not_signed_is_refused(sandbox: Sandbox, authorization: str) -> None:
    """The commonest mistake is the service name: it is `ses`, not `email`."""
    request = ses_send().replace(SIGNED.encode(), authorization.encode())

    heard = await ask(sandbox.port_of("ses"), request)

    assert (heard.status, heard.headers["x-amzn-errortype"]) == (403, "unrecognizedclientexception")
    assert len(sandbox.inbox) == 0


def content(**changes: object) -> dict[str, object]:
    simple_ = {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}
    return {"Content": {"Simple": {**simple_, **changes}}}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Content": {}}, "exactly one"),
        ({"Content": None}, "validation error"),
        ({"Destination": {"ToAddresses": []}}, "no recipient"),
        ({"Destination": {"ToAddresses": [f"a{n}@x.example" for n in range(51)]}}, "exceeds 50"),
        ({"Destination": {"ToAddresses": ["ännie@example.net"]}}, "not ASCII"),
        ({"Destination": {"ToAddresses": ["ann"]}}, "final"),
        ({"FromEmailAddress": ""}, "FromEmailAddress"),
        ({"EmailTags": [{"Name": "a b", "Value": "c"}]}, "Invalid tag"),
        (content(Body={}), "Text, Html or both"),
        (content(Headers=[{"Name": f"X-{n}", "Value": "v"} for n in range(16)]), "15 headers"),
        (content(Headers=[{"Name": "X-A", "Value": "ä"}]), "Invalid header"),
        (content(Attachments=[{"FileName": "a", "RawContent": "?"}]), "validation error"),
    ],
)
async def test_what_the_documentation_forbids_is_a_bad_request(
    sandbox: Sandbox, changes: dict[str, Any], words: str
) -> None:
    """A sandbox that takes anything would let our adapter send what SES refuses."""
    heard = await ask(sandbox.port_of("ses"), ses_send(**changes))

    assert (heard.status, heard.headers["x-amzn-errortype"]) == (400, "badrequestexception")
    assert words in heard.json["message"]
    assert len(sandbox.inbox) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b"[]"])
async def test_what_is_no_json_is_answered_all_the_same(sandbox: Sandbox, body: bytes) -> None:
    """Never a broken connection, which would read as an unknown outcome."""
    request = http("POST", "/v2/email/outbound-emails", body, Authorization=SIGNED)

    assert (await ask(sandbox.port_of("ses"), request)).status == 400


async def test_an_operation_that_is_not_imitated_is_unknown(sandbox: Sandbox) -> None:
    """In the form in which AWS says so."""
    heard = await ask(sandbox.port_of("ses"), http("GET", "/v2/x", Authorization=SIGNED))

    assert (heard.status, heard.headers["x-amzn-errortype"]) == (404, "unknownoperationexception")


async def test_an_address_with_odd_letters_is_an_identity_too(sandbox: Sandbox) -> None:
    """The path is percent-encoded, the body is not."""
    port, name = sandbox.port_of("ses"), "a+b/c@example.com"
    body = json.dumps({"EmailIdentity": name}).encode()
    await ask(port, http("POST", "/v2/email/identities", body, Authorization=SIGNED))

    path = "/v2/email/identities/a%2Bb%2Fc%40example.com"
    assert (await ask(port, http("GET", path, Authorization=SIGNED))).status == 200


@pytest.mark.parametrize("name", ["", "ann", "a b@example.com", "-x.example", "a@b@c.example"])
async def test_what_is_no_identity_is_refused(sandbox: Sandbox, name: str) -> None:
    """A typing error should show at once, not as a verification that never comes."""
    body = json.dumps({"EmailIdentity": name}).encode()
    request = http("POST", "/v2/email/identities", body, Authorization=SIGNED)

    assert (await ask(sandbox.port_of("ses"), request)).status == 400
