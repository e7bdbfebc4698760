"""boto3 and the AWS SDK for JavaScript, changed by address and key pair alone."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from .clients import ses_client
from .meant import MEANT, as_text, labelled, said, texts, whole_mail
from .node import ask_node
from .running import Gateway


def _mail(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "FromEmailAddress": as_text(MEANT["from"]),
        "Destination": {
            "ToAddresses": texts("to"), "CcAddresses": texts("cc"), "BccAddresses": texts("bcc"),
        },
        "ReplyToAddresses": texts("reply_to"),
        "Content": {
            "Simple": {
                "Subject": {"Data": MEANT["subject"], "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": MEANT["text"], "Charset": "UTF-8"},
                    "Html": {"Data": MEANT["html"], "Charset": "UTF-8"},
                },
                "Headers": [{"Name": "X-App", "Value": "shop"}],
                "Attachments": [
                    {
                        "FileName": file["name"],
                        "RawContent": bytes.fromhex(file["content"]),
                        "ContentType": file["type"],
                        "ContentDisposition": "INLINE" if file["cid"] else "ATTACHMENT",
                        **({"ContentId": file["cid"]} if file["cid"] else {}),
                    }
                    for file in MEANT["files"]
                ],
            }
        },
        "EmailTags": [{"Name": "order", "Value": "7"}],
        **more,
    }  # fmt: skip


def _bulk(subject: str) -> dict[str, Any]:
    return {
        "FromEmailAddress": "shop@example.com",
        "DefaultContent": {
            "Template": {
                "TemplateContent": {
                    "Subject": subject + " {{name}}", "Text": "Dear {{name}}, {{shop.town}}",
                },
                "TemplateData": '{"name": "you", "shop": {"town": "Bonn"}}',
            }
        },
        "BulkEmailEntries": [
            {
                "Destination": {"ToAddresses": [to]},
                "ReplacementEmailContent": {
                    "ReplacementTemplate": {"ReplacementTemplateData": data}
                },
            }
            for to, data in (
                ("eve@example.net", '{"name": "Eve"}'), ("nobody", "{}"), ("fay@example.net", "{}"),
            )
        ],
    }  # fmt: skip


def _ours(gateway: Gateway, subject: str, count: int = 1) -> list[str]:
    return gateway.newest(count, subject=subject)


def test_what_is_sent_arrives_through_another_vendor(gateway: Gateway) -> None:
    """The point of the door: nothing changes for the program, and Mailgun delivers it."""
    client = ses_client(gateway)

    answer = client.send_email(**_mail())

    id_ = answer["ResponseMetadata"]["HTTPHeaders"]["x-ms-message-id"]
    mail = gateway.arrived(id_)
    assert mail["provider"] == "mailgun"
    assert said(mail) == MEANT
    assert labelled(mail) == ([], {"order": "7"})
    told = client.get_message_insights(MessageId=answer["MessageId"])
    assert told["Subject"] == MEANT["subject"]
    assert {it["Events"][0]["Type"] for it in told["Insights"]} == {"SEND"}


def test_one_template_makes_many_mails(gateway: Gateway) -> None:
    """SendBulkEmail: each entry with its words; one bad entry does not spoil the others."""
    results = ses_client(gateway).send_bulk_email(**_bulk("Bulk"))["BulkEmailEntryResults"]

    assert [it["Status"] for it in results] == ["SUCCESS", "INVALID_PARAMETER", "SUCCESS"]
    assert "ToAddresses[0]: expected an address" in results[1]["Error"]
    arrived = [gateway.arrived(id_) for id_ in _ours(gateway, "Bulk", 2)]
    assert sorted(it["subject"] for it in arrived) == ["Bulk Eve", "Bulk you"]
    assert {it["contents"]["text"].strip() for it in arrived} == {
        "Dear Eve, Bonn", "Dear you, Bonn",
    }  # fmt: skip


def test_account_identities_and_suppressions_are_answered(gateway: Gateway) -> None:
    """What programs ask beside sending."""
    client = ses_client(gateway)

    assert client.get_account()["SendingEnabled"] is True
    created = client.create_email_identity(EmailIdentity="new@example.com")
    assert created["VerifiedForSendingStatus"] is False
    told = client.get_email_identity(EmailIdentity="new@example.com")
    assert told["VerificationStatus"] == "PENDING"
    client.put_suppressed_destination(EmailAddress="gone@example.net", Reason="COMPLAINT")
    found = client.get_suppressed_destination(EmailAddress="gone@example.net")
    assert found["SuppressedDestination"]["Reason"] == "COMPLAINT"
    client.delete_suppressed_destination(EmailAddress="gone@example.net")
    with pytest.raises(client.exceptions.NotFoundException):
        client.get_suppressed_destination(EmailAddress="gone@example.net")


def test_refusals_are_read_by_the_library(gateway: Gateway) -> None:
    """A program's `except` clauses go on working."""
    client = ses_client(gateway)
    template = {"Template": {"TemplateName": "welcome", "TemplateData": "{}"}}
    for more, words in (
        ({"Destination": {"ToAddresses": ["nobody"]}}, "ToAddresses[0]: expected an address"),
        ({"Content": template}, "this gateway stores no SES templates"),
        ({"TenantName": "t"}, "TenantName: this gateway has no tenants"),
    ):
        with pytest.raises(client.exceptions.BadRequestException) as caught:
            client.send_email(**_mail(**more))
        assert words in str(caught.value)
    id_, secret = gateway.ses_key_pair
    for pair in ((id_, "wrong"), ("key_01JZX3M8Q0V5W6Y7Z8A9B0C1D2", secret)):
        with pytest.raises(ClientError, match="UnrecognizedClientException"):
            ses_client(gateway, pair).send_email(**_mail())


def test_the_library_for_node_sends_the_same(gateway: Gateway) -> None:
    """It signs more headers than boto3 does."""
    done = ask_node("ses", "send", gateway.url, gateway.ses_key_pair, mail=MEANT)

    assert "value" in done, done
    [id_] = _ours(gateway, MEANT["subject"])
    mail = gateway.arrived(id_)
    assert said(mail) == MEANT
    id_ = done["value"]["MessageId"]
    told = ask_node("ses", "get", gateway.url, gateway.ses_key_pair, id=id_)["value"]
    assert told["Subject"] == MEANT["subject"]


def test_the_library_for_node_batches_and_is_refused(gateway: Gateway) -> None:
    """Its errors are classes of the service's model."""
    done = ask_node("ses", "bulk", gateway.url, gateway.ses_key_pair, request=_bulk("Node bulk"))[
        "value"
    ]
    statuses = [it["Status"] for it in done["BulkEmailEntryResults"]]
    assert statuses == ["SUCCESS", "INVALID_PARAMETER", "SUCCESS"]

    bad = {**MEANT, "to": [{"address": "nobody", "name": ""}]}
    no = ask_node("ses", "send", gateway.url, gateway.ses_key_pair, mail=bad)["error"]
    assert no["name"] == "BadRequestException"
    wrong = ask_node("ses", "send", gateway.url, (gateway.ses_key_pair[0], "wrong"), mail=MEANT)[
        "error"
    ]
    assert wrong["name"] == "UnrecognizedClientException"


def test_a_whole_mail_is_taken_as_it_came(gateway: Gateway) -> None:
    """Content.Raw: the envelope is the call's, the words are the mail's."""
    raw = whole_mail()
    answer = ses_client(gateway).send_email(
        Destination={"ToAddresses": ["ann@example.net", "blind@example.org"]},
        Content={"Raw": {"Data": raw}},
    )

    id_ = answer["ResponseMetadata"]["HTTPHeaders"]["x-ms-message-id"]
    mail = gateway.arrived(id_)
    assert mail["recipients"] == ["ann@example.net", "blind@example.org"]
    assert {**said(mail), "bcc": MEANT["bcc"]} == {
        **MEANT, "to": mail["contents"]["to"], "cc": mail["contents"]["cc"],
    }  # fmt: skip
    kept = gateway.client.get(f"/v1/messages/{id_}").json()
    assert kept["bcc"] == ["blind@example.org"]

    named = ses_client(gateway).send_email(
        FromEmailAddress="Other <other@example.com>",
        ReplyToAddresses=["answers@example.com"],
        Content={"Raw": {"Data": raw}},
    )
    mail = gateway.arrived(named["ResponseMetadata"]["HTTPHeaders"]["x-ms-message-id"])
    assert mail["contents"]["from"] == [{"address": "other@example.com", "name": "Other"}]
    assert mail["contents"]["reply_to"] == [{"address": "answers@example.com", "name": ""}]
    assert "dan@example.org" in mail["recipients"]


def test_nodemailer_sends_whole_mails_through_the_sdk(gateway: Gateway) -> None:
    """Its transport for SES: what most programs for Node.js send with."""
    mail = {**MEANT, "subject": "Nodemailer über SES"}
    done = ask_node("ses", "nodemailer", gateway.url, gateway.ses_key_pair, mail=mail)

    assert "value" in done, done
    [id_] = _ours(gateway, mail["subject"])
    assert said(gateway.arrived(id_)) == mail
