"""SendGrid's own libraries, changed by address and key alone."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers.mail import (
    Attachment,
    Bcc,
    Category,
    Cc,
    ClickTracking,
    ContentId,
    CustomArg,
    Disposition,
    FileContent,
    FileName,
    FileType,
    From,
    Header,
    Mail,
    MailSettings,
    OpenTracking,
    Personalization,
    ReplyTo,
    SandBoxMode,
    SendAt,
    Substitution,
    To,
    TrackingSettings,
)

from .meant import MEANT, labelled, said
from .node import ask_node
from .running import Gateway


def _pointed(gateway: Gateway, key: str | None = None) -> Any:  # noqa: ANN401
    return SendGridAPIClient(key or gateway.key, host=f"{gateway.url}/compat/sendgrid")


def _named(class_: Any, box: dict[str, str]) -> Any:  # noqa: ANN401
    return class_(box["address"], box["name"] or None)


def _mail() -> Any:  # noqa: ANN401
    mail = Mail(
        from_email=_named(From, MEANT["from"]),
        to_emails=[_named(To, box) for box in MEANT["to"]],
        subject=MEANT["subject"],
        plain_text_content=MEANT["text"],
        html_content=MEANT["html"],
    )
    for box in MEANT["cc"]:
        mail.add_cc(_named(Cc, box))
    for box in MEANT["bcc"]:
        mail.add_bcc(_named(Bcc, box))
    mail.reply_to = _named(ReplyTo, MEANT["reply_to"][0])
    mail.add_header(Header("X-App", "shop"))
    mail.add_category(Category("orders"))
    mail.add_custom_arg(CustomArg("order", "7"))
    for file in MEANT["files"]:
        mail.add_attachment(
            Attachment(
                FileContent(b64encode(bytes.fromhex(file["content"])).decode()),
                FileName(file["name"]),
                FileType(file["type"]),
                Disposition("inline" if file["cid"] else "attachment"),
                ContentId(file["cid"]) if file["cid"] else None,
            )
        )
    mail.tracking_settings = TrackingSettings(
        ClickTracking(enable=False, enable_text=False), OpenTracking(enable=False)
    )
    return mail


def test_what_is_sent_arrives_through_another_vendor(gateway: Gateway) -> None:
    """The point of the door: nothing changes for the program, and Mailgun delivers it."""
    client = _pointed(gateway)

    answer = client.send(_mail())

    assert (answer.status_code, answer.body) == (202, b"")
    assert len(answer.headers["X-Message-Id"]) == 22
    mail = gateway.arrived(answer.headers["X-MS-Message-Id"])
    assert mail["provider"] == "mailgun"
    assert said(mail) == MEANT
    assert labelled(mail) == (["orders"], {"order": "7"})
    told = client.client.messages._(answer.headers["X-Message-Id"]).get()
    assert json.loads(told.body)["subject"] == MEANT["subject"]
    query = f'msg_id="{answer.headers["X-Message-Id"]}"'
    found = client.client.messages.get(query_params={"query": query, "limit": 10})
    rows = json.loads(found.body)["messages"]
    assert [row["to_email"] for row in rows] == [
        box["address"] for name in ("to", "cc", "bcc") for box in MEANT[name]
    ]


def test_each_personalization_is_a_mail(gateway: Gateway) -> None:
    """One call, different words for each; the others are named in none."""
    mail = Mail(
        from_email="shop@example.com", subject="Hello -name-", plain_text_content="Dear -name-!"
    )
    for name in ("Eve", "Fay"):
        person = Personalization()
        person.add_to(To(f"{name.lower()}@example.net", name))
        person.add_substitution(Substitution("-name-", name))
        person.add_custom_arg(CustomArg("who", name))
        mail.add_personalization(person)

    _pointed(gateway).send(mail)

    ids = gateway.newest(2, subject="Hello")
    arrived = sorted((gateway.arrived(id_) for id_ in ids), key=lambda it: str(it["subject"]))
    assert [it["subject"] for it in arrived] == ["Hello Eve", "Hello Fay"]
    assert [it["recipients"] for it in arrived] == [["eve@example.net"], ["fay@example.net"]]
    assert [it["contents"]["text"].strip() for it in arrived] == ["Dear Eve!", "Dear Fay!"]
    assert [labelled(it)[1] for it in arrived] == [{"who": "Eve"}, {"who": "Fay"}]


def test_a_mail_is_scheduled_and_one_only_looked_at(gateway: Gateway) -> None:
    """`send_at`, and sandbox mode, which sends nothing."""
    later = _mail()
    later.send_at = SendAt(4_000_000_000)
    with pytest.raises(HTTPError, match="400"):
        _pointed(gateway).send(later)  # more than 30 days ahead

    looked = _mail()
    looked.subject = "Only looked at"
    looked.mail_settings = MailSettings(sandbox_mode=SandBoxMode(enable=True))
    assert _pointed(gateway).send(looked).status_code == 200
    assert gateway.newest(1, subject="Only looked at") == []


def test_refusals_are_read_by_the_library(gateway: Gateway) -> None:
    """A program shows `errors`, each with its field."""
    bad = Mail("shop@example.com", "ann@localhost", "Hi", "Hi")
    with pytest.raises(HTTPError) as caught:
        _pointed(gateway).send(bad)
    [error] = caught.value.to_dict["errors"]
    assert caught.value.status_code == 400
    assert error["field"] == "personalizations.0.to.0.email"

    tracked = _mail()
    tracked.tracking_settings = TrackingSettings(ClickTracking(enable=True))
    with pytest.raises(HTTPError) as caught:
        _pointed(gateway).send(tracked)
    [error] = caught.value.to_dict["errors"]
    assert error["field"] == "tracking_settings.click_tracking.enable"
    assert error["message"].startswith("this gateway tracks nothing")

    with pytest.raises(HTTPError) as caught:
        _pointed(gateway, "ms_live_wrong").send(_mail())
    assert caught.value.status_code == 401


def test_the_library_for_node_sends_the_same(gateway: Gateway) -> None:
    """It writes some names in another way."""
    done = ask_node("sendgrid", "send", gateway.url, gateway.key, mail=MEANT)["value"]

    told = ask_node("sendgrid", "get", gateway.url, gateway.key, id=done["id"])["value"]
    assert (done["status"], told["subject"]) == (202, MEANT["subject"])
    [id_] = gateway.newest(1, subject=MEANT["subject"])
    mail = gateway.arrived(id_)
    assert said(mail) == MEANT
    assert labelled(mail) == (["orders"], {"order": "7"})


def test_the_library_for_node_sends_many_and_is_refused(gateway: Gateway) -> None:
    """`sendMultiple`: each recipient of `to` gets a mail of its own."""
    mail = {**MEANT, "subject": "Node many", "cc": [], "bcc": []}
    done = ask_node("sendgrid", "many", gateway.url, gateway.key, mail=mail)["value"]
    assert done["status"] == 202
    arrived = [gateway.arrived(id_)["recipients"] for id_ in gateway.newest(5, subject="Node many")]
    assert sorted(arrived) == [["ann@example.net"], ["bob@example.net"]]

    bad = {**MEANT, "to": [{"address": "nobody", "name": ""}]}
    no = ask_node("sendgrid", "send", gateway.url, gateway.key, mail=bad)["error"]
    assert no["status"] == 400
    assert "personalizations.0.to" in no["message"]
    wrong = ask_node("sendgrid", "send", gateway.url, "SG.wrong", mail=MEANT)["error"]
    assert wrong["status"] == 401
