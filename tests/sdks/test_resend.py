"""Resend's own libraries, changed by address and key alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import resend
from resend.exceptions import ResendError

from mail_sender.api.compat.ids import id_in

from .meant import MEANT, as_text, labelled, said, texts
from .node import ask_node
from .running import Gateway

ANN = "ann@example.net"


@pytest.fixture
def pointed(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    """Resend's library for Python, pointed at the gateway."""
    monkeypatch.setattr(resend, "api_url", f"{gateway.url}/compat/resend")
    monkeypatch.setattr(resend, "api_key", gateway.key)
    return gateway


def _mail(**more: Any) -> Any:  # noqa: ANN401
    return {
        "from": as_text(MEANT["from"]),
        **{name: texts(name) for name in ("to", "cc", "bcc", "reply_to")},
        **{name: MEANT[name] for name in ("subject", "text", "html", "headers")},
        "tags": [{"name": "order", "value": "7"}],
        "attachments": [
            {
                "filename": file["name"],
                "content": list(bytes.fromhex(file["content"])),
                "content_type": file["type"],
                **({"content_id": file["cid"]} if file["cid"] else {}),
            }
            for file in MEANT["files"]
        ],
        **more,
    }


def _ours(id_: str) -> str:
    found = id_in(id_)
    assert found is not None
    return found


def test_what_is_sent_arrives_through_another_vendor(pointed: Gateway) -> None:
    """The point of the door: nothing changes for the program, and Mailgun delivers it."""
    id_ = resend.Emails.send(_mail())["id"]

    mail = pointed.arrived(_ours(id_))
    assert mail["provider"] == "mailgun"
    assert said(mail) == MEANT
    assert labelled(mail) == ([], {"order": "7"})
    told = resend.Emails.get(id_)
    assert (told["last_event"], told["subject"]) == ("sent", MEANT["subject"])
    assert told["html"] == MEANT["html"]


def test_an_idempotency_key_sends_once(pointed: Gateway) -> None:
    """What Resend's customers rely on when they try again."""
    first = resend.Emails.send(_mail(subject="Once"), {"idempotency_key": "once-1"})
    again = resend.Emails.send(_mail(subject="Once"), {"idempotency_key": "once-1"})

    assert first["id"] == again["id"]
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(_mail(subject="Other"), {"idempotency_key": "once-1"})
    assert (caught.value.code, caught.value.error_type) == (409, "invalid_idempotent_request")


def test_a_batch_has_an_id_for_each_mail(pointed: Gateway) -> None:
    """Different mails in one call."""
    answer = resend.Batch.send([_mail(subject="Batch 1"), _mail(subject="Batch 2")])

    subjects = [pointed.arrived(_ours(it["id"]))["subject"] for it in answer["data"]]
    assert subjects == ["Batch 1", "Batch 2"]


def test_a_scheduled_mail_is_moved_and_withdrawn(pointed: Gateway) -> None:
    """The rest of its life cycle."""
    later = datetime.now(UTC) + timedelta(days=2)
    id_ = resend.Emails.send(_mail(scheduled_at="in 10 min"))["id"]

    assert resend.Emails.get(id_)["last_event"] == "scheduled"
    resend.Emails.update({"id": id_, "scheduled_at": later.isoformat()})
    told: Any = resend.Emails.get(id_)
    assert told["scheduled_at"][:10] == later.date().isoformat()
    resend.Emails.cancel(id_)
    assert resend.Emails.get(id_)["last_event"] == "canceled"


def test_refusals_are_read_by_the_library(
    pointed: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program's `except` clauses go on working."""
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(_mail(to=["nobody"], tags=[{"name": "a b", "value": "\x00"}]))
    assert (caught.value.code, caught.value.error_type) == (422, "validation_error")
    assert "to[0]: expected an address" in str(caught.value)

    with pytest.raises(ResendError) as caught:
        resend.Emails.send(_mail(topic_id="t_1"))
    assert "topic_id: this gateway has no subscription topics" in str(caught.value)

    monkeypatch.setattr(resend, "api_key", "ms_live_wrong")
    with pytest.raises(ResendError) as caught:
        resend.Emails.send(_mail())
    assert (caught.value.code, caught.value.error_type) == (403, "invalid_api_key")


def test_the_library_for_node_sends_the_same(gateway: Gateway) -> None:
    """It writes some things in other ways: bytes, ids of pictures."""
    done = ask_node("resend", "send", gateway.url, gateway.key, mail=MEANT)

    id_ = done["value"]["data"]["id"]
    mail = gateway.arrived(_ours(id_))
    assert said(mail) == MEANT
    told = ask_node("resend", "get", gateway.url, gateway.key, id=id_)["value"]["data"]
    assert told["last_event"] == "sent"


def test_the_library_for_node_batches_and_is_refused(gateway: Gateway) -> None:
    """It never throws: its errors are values, by their names."""
    mails = [{**MEANT, "subject": f"Node batch {n}"} for n in range(2)]
    done = ask_node("resend", "batch", gateway.url, gateway.key, mails=mails)
    ids = [_ours(it["id"]) for it in done["value"]["data"]["data"]]
    assert [gateway.arrived(id_)["subject"] for id_ in ids] == ["Node batch 0", "Node batch 1"]

    done = ask_node("resend", "send", gateway.url, "ms_live_wrong", mail=MEANT)
    assert done["value"]["error"]["name"] == "invalid_api_key"
    bad = {**MEANT, "to": [{"address": "nobody", "name": ""}]}
    done = ask_node("resend", "send", gateway.url, gateway.key, mail=bad)
    assert done["value"]["error"]["name"] == "validation_error"


def test_the_library_for_node_moves_and_withdraws(gateway: Gateway) -> None:
    """`scheduledAt` and what belongs to it."""
    done = ask_node(
        "resend", "send", gateway.url, gateway.key, mail=MEANT, more={"scheduledAt": "in 1 hour"}
    )
    id_ = done["value"]["data"]["id"]
    at = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    moved = ask_node("resend", "update", gateway.url, gateway.key, id=id_, scheduledAt=at)
    assert moved["value"]["data"]["id"] == id_
    ask_node("resend", "cancel", gateway.url, gateway.key, id=id_)
    told = ask_node("resend", "get", gateway.url, gateway.key, id=id_)["value"]["data"]
    assert told["last_event"] == "canceled"
