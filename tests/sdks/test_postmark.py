"""Libraries for Postmark, changed by address and key alone."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from postmarker.core import PostmarkClient
from postmarker.exceptions import ClientError

from mail_sender.api.compat.ids import id_in

from .meant import MEANT, as_text, labelled, said, texts
from .node import ask_node
from .running import Gateway


def _pointed(gateway: Gateway, key: str | None = None) -> Any:  # noqa: ANN401
    url = f"{gateway.url}/compat/postmark/"
    return PostmarkClient(server_token=key or gateway.key, root_api_url=url)


def _mail(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "From": as_text(MEANT["from"]),
        "To": texts("to"),
        "Cc": texts("cc"),
        "Bcc": texts("bcc"),
        "ReplyTo": texts("reply_to")[0],
        "Subject": MEANT["subject"],
        "TextBody": MEANT["text"],
        "HtmlBody": MEANT["html"],
        "Headers": MEANT["headers"],
        "Tag": "orders",
        "Metadata": {"order": "7"},
        "MessageStream": "outbound",
        "Attachments": [
            (
                file["name"],
                b64encode(bytes.fromhex(file["content"])).decode(),
                file["type"],
                *([f"cid:{file['cid']}"] if file["cid"] else []),
            )
            for file in MEANT["files"]
        ],
        **more,
    }


def _ours(id_: str) -> str:
    found = id_in(id_)
    assert found is not None
    return found


def test_what_is_sent_arrives_through_another_vendor(gateway: Gateway) -> None:
    """The point of the door: nothing changes for the program, and Mailgun delivers it."""
    client = _pointed(gateway)

    answer = client.emails.send(**_mail())

    assert (answer["ErrorCode"], answer["Message"]) == (0, "OK")
    mail = gateway.arrived(_ours(answer["MessageID"]))
    assert mail["provider"] == "mailgun"
    assert said(mail) == MEANT
    assert labelled(mail) == (["orders"], {"order": "7"})
    told = client.messages.outbound.get(answer["MessageID"])
    assert (told.Status, told.Subject, told.Tag) == ("Sent", MEANT["subject"], "orders")


def test_a_batch_tells_of_each_mail(gateway: Gateway) -> None:
    """One bad mail does not spoil the others."""
    answers = _pointed(gateway).emails.send_batch(
        _mail(Subject="Batch 1"), _mail(To="nobody"), _mail(Subject="Batch 2")
    )

    assert [it["ErrorCode"] for it in answers] == [0, 300, 0]
    assert answers[1]["Message"].startswith("To: expected an address")
    good = [gateway.arrived(_ours(answers[at]["MessageID"]))["subject"] for at in (0, 2)]
    assert good == ["Batch 1", "Batch 2"]


def test_messages_and_bounces_are_looked_up(gateway: Gateway) -> None:
    """What a support desk does all day."""
    client = _pointed(gateway)
    answer = client.emails.send(
        **_mail(
            Subject="Bounces", To="bounce@example.net", Cc=None, Bcc=None, MessageStream="refusing"
        )
    )
    id_ = _ours(answer["MessageID"])
    gateway.settled(id_)

    found = client.messages.outbound.all(count=10, offset=0, subject="Bounces", tag="orders")
    assert [it.MessageID for it in found] == [answer["MessageID"]]
    [bounce] = client.bounces.all(count=10, offset=0, messageID=answer["MessageID"])
    assert (bounce.Email, bounce.Type) == ("bounce@example.net", "HardBounce")
    assert client.bounces.get(bounce.ID).MessageID == answer["MessageID"]


def test_refusals_are_read_by_the_library(gateway: Gateway) -> None:
    """A program's `except` clauses go on working."""
    client = _pointed(gateway)
    for more, words in (
        ({"To": "nobody"}, r"\[300\] To: expected an address"),
        ({"TrackOpens": True}, r"\[403\] TrackOpens: this gateway tracks nothing"),
        ({"MessageStream": "news"}, r"\[1235\] MessageStream: no such route"),
    ):
        with pytest.raises(ClientError, match=words):
            client.emails.send(**_mail(**more))
    with pytest.raises(ClientError, match=r"\[403\] this gateway does not render"):
        client.emails.send_with_template(
            TemplateId=1, TemplateModel={}, From="a@example.com", To="b@example.net"
        )
    with pytest.raises(ClientError, match=r"\[10\]"):
        _pointed(gateway, "ms_live_wrong").emails.send(**_mail())


def test_the_library_for_node_sends_the_same(gateway: Gateway) -> None:
    """The vendor's own."""
    done = ask_node("postmark", "send", gateway.url, gateway.key, mail=MEANT)

    id_ = done["value"]["MessageID"]
    mail = gateway.arrived(_ours(id_))
    assert said(mail) == MEANT
    assert labelled(mail) == (["orders"], {"order": "7"})
    told = ask_node("postmark", "get", gateway.url, gateway.key, id=id_)["value"]
    assert told["Status"] == "Sent"
    found = ask_node("postmark", "search", gateway.url, gateway.key)["value"]
    assert id_ in [it["MessageID"] for it in found["Messages"]]


def test_the_library_for_node_batches_and_is_refused(gateway: Gateway) -> None:
    """Its errors are classes, chosen by status and code."""
    mails = [{**MEANT, "subject": f"Node batch {n}"} for n in range(2)]
    done = ask_node("postmark", "batch", gateway.url, gateway.key, mails=mails)["value"]
    arrived = [gateway.arrived(_ours(it["MessageID"]))["subject"] for it in done]
    assert arrived == ["Node batch 0", "Node batch 1"]

    wrong = ask_node("postmark", "send", gateway.url, "ms_live_wrong", mail=MEANT)["error"]
    assert (wrong["name"], wrong["status"]) == ("InvalidAPIKeyError", 401)
    no = ask_node("postmark", "template", gateway.url, gateway.key, mail=MEANT)["error"]
    assert (no["name"], no["status"]) == ("ApiInputError", 422)
