"""Mailgun's own libraries, changed by address and key alone."""

from __future__ import annotations

import json
from typing import Any

from mailgun.client import Client

from .meant import MEANT, as_text, said, texts, whole_mail
from .node import ask_node
from .running import Gateway

DOMAIN = "mg.example.com"
ELSEWHERE = {"h:X-MS-Route": "elsewhere"}  # Mailgun is the first of the default route


def _pointed(gateway: Gateway, key: str | None = None) -> Any:  # noqa: ANN401
    return Client(auth=("api", key or gateway.key), api_url=f"{gateway.url}/compat/mailgun")


def _mail(**more: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "from": as_text(MEANT["from"]),
        **{name: texts(name) for name in ("to", "cc", "bcc")},
        "subject": MEANT["subject"],
        "text": MEANT["text"],
        "html": MEANT["html"],
        "h:Reply-To": texts("reply_to")[0],
        "h:X-App": "shop",
        "o:tag": ["orders"],
        "v:order": "7",
        "o:tracking": "no",
        **ELSEWHERE,
        **more,
    }


def _files() -> list[tuple[str, tuple[str, bytes]]]:
    return [
        ("inline" if file["cid"] else "attachment", (file["name"], bytes.fromhex(file["content"])))
        for file in MEANT["files"]
    ]


def _ours(id_: str) -> str:
    return "msg_" + id_.strip("<>").partition("@")[0].upper()


def test_what_is_sent_arrives_through_another_vendor(gateway: Gateway) -> None:
    """The point of the door: nothing changes for the program, and SES delivers it."""
    client = _pointed(gateway)

    answer = client.messages.create(data=_mail(), files=_files(), domain=DOMAIN)

    assert answer.status_code == 200, answer.text
    assert answer.json()["message"] == "Queued. Thank you."
    id_ = answer.json()["id"]
    assert id_.endswith(f"@{DOMAIN}>")
    mail = gateway.arrived(_ours(id_))
    assert mail["provider"] == "ses"
    assert said(mail) == MEANT
    message = gateway.client.get(f"/v1/messages/{_ours(id_)}").json()
    assert (message["tags"], message["metadata"]) == (["orders"], {"order": "7"})
    events = client.events.get(domain=DOMAIN, filters={"message-id": id_.strip("<>")}).json()
    assert {(it["event"], it["recipient"]) for it in events["items"]} == {
        ("accepted", box["address"]) for name in ("to", "cc", "bcc") for box in MEANT[name]
    }


def test_recipient_variables_make_a_mail_for_each(gateway: Gateway) -> None:
    """Mailgun's batch: one call, own words for each, and nobody sees the others."""
    words = {"eve@example.net": {"n": "Eve", "id": 7}, "fay@example.net": {"n": "Fay", "id": 8}}
    answer = _pointed(gateway).messages.create(
        data={
            "from": "shop@example.com",
            "to": ["Eve E. <eve@example.net>", "fay@example.net"],
            "subject": "Variables for %recipient.n%",
            "text": "Dear %recipient.n% at %recipient_email%, %recipient.what%",
            "v:customer": "%recipient.id%",
            "recipient-variables": json.dumps(words),
            **ELSEWHERE,
        },
        domain=DOMAIN,
    )

    assert answer.status_code == 200, answer.text
    ids = gateway.newest(5, subject="Variables for")
    arrived = sorted((gateway.arrived(id_) for id_ in ids), key=lambda it: str(it["subject"]))
    assert [it["recipients"] for it in arrived] == [["eve@example.net"], ["fay@example.net"]]
    assert arrived[0]["contents"]["text"].strip() == "Dear Eve at eve@example.net, %recipient.what%"
    metadata = [gateway.client.get(f"/v1/messages/{id_}").json()["metadata"] for id_ in ids]
    assert sorted(it["customer"] for it in metadata) == ["7", "8"]


def test_test_mode_sends_nothing(gateway: Gateway) -> None:
    """It is looked at and answered."""
    data = _mail(subject="Test mode", **{"o:testmode": "yes"})
    answer = _pointed(gateway).messages.create(data=data, domain=DOMAIN)

    assert answer.status_code == 200
    assert gateway.newest(1, subject="Test mode") == []


def test_refusals_are_read_by_the_library(gateway: Gateway) -> None:
    """It gives back the answer: `message` says why."""
    for more, words in (
        ({"to": "nobody"}, "to: expected an address"),
        ({"o:tracking": "yes"}, "o:tracking: this gateway tracks nothing"),
        ({"template": "welcome"}, "template: this gateway does not render"),
        ({"o:tomorrow": "yes"}, "o:tomorrow: unknown field"),
        ({"recipient-variables": "x"}, "recipient-variables: expected JSON"),
        ({"o:deliverytime": "soon"}, "o:deliverytime: expected a time"),
        ({"o:deliver-within": "soon"}, "o:deliver-within: expected a span"),
    ):
        answer = _pointed(gateway).messages.create(data=_mail(**more), domain=DOMAIN)
        assert answer.status_code == 400, more
        assert answer.json()["message"].startswith(words)
    wrong = _pointed(gateway, "ms_live_wrong").messages.create(data=_mail(), domain=DOMAIN)
    assert wrong.status_code == 401


def test_the_library_for_node_sends_the_same(gateway: Gateway) -> None:
    """It always posts multipart."""
    done = ask_node("mailgun", "send", gateway.url, gateway.key, mail=MEANT, more=ELSEWHERE)

    assert "value" in done, done
    id_ = done["value"]["id"]
    mail = gateway.arrived(_ours(id_))
    assert mail["provider"] == "ses"
    assert said(mail) == MEANT
    told = ask_node("mailgun", "events", gateway.url, gateway.key, id=id_.strip("<>"))["value"]
    assert {it["event"] for it in told["items"]} == {"accepted"}


def test_the_library_for_node_is_refused(gateway: Gateway) -> None:
    """Its errors have the status, and the words in `details`."""
    bad = {**MEANT, "to": [{"address": "nobody", "name": ""}]}
    no = ask_node("mailgun", "send", gateway.url, gateway.key, mail=bad)["error"]
    assert no["status"] == 400
    assert "expected an address" in no["message"]
    wrong = ask_node("mailgun", "send", gateway.url, "ms_live_wrong", mail=MEANT)["error"]
    assert wrong["status"] == 401


def test_a_whole_mail_is_taken_as_it_came(gateway: Gateway) -> None:
    """`messages.mime`: the recipients are the call's, the words are the mail's."""
    answer = _pointed(gateway).mimemessage.create(
        data={
            "to": ["ann@example.net", "blind@example.org"], "o:tag": "orders", "v:order": "7",
            "h:X-MS-Route": "elsewhere", "h:X-More": "more",
        },
        files=[("message", ("mail.eml", whole_mail()))],
        domain=DOMAIN,
    )  # fmt: skip

    assert answer.status_code == 200, answer.text
    mail = gateway.arrived(_ours(answer.json()["id"]))
    assert mail["provider"] == "ses"
    assert mail["recipients"] == ["ann@example.net", "blind@example.org"]
    contents = mail["contents"]
    assert (contents["subject"], contents["text"].strip()) == (MEANT["subject"], MEANT["text"])
    assert {it["name"]: it["value"] for it in contents["headers"]}["X-More"] == "more"


def test_the_library_for_node_sends_a_whole_mail(gateway: Gateway) -> None:
    """It posts the mail as a plain field."""
    mime = whole_mail().decode()
    done = ask_node("mailgun", "mime", gateway.url, gateway.key, to="ann@example.net", mime=mime)

    assert "value" in done, done
    mail = gateway.arrived(_ours(done["value"]["id"]))
    assert (mail["recipients"], mail["subject"]) == (["ann@example.net"], MEANT["subject"])
