"""What each method asks, and what it makes of the answer."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mail_sender.client import (
    AsyncClient,
    Attachment,
    Client,
    Conflict,
    InvalidRequest,
    Mail,
    Mailbox,
    MessageRefused,
    NoAnswer,
    NotAGateway,
    NotAllowed,
    NotFound,
    Refused,
    TryLater,
    Unauthorized,
)

from .conftest import MakeClient
from .listeners import HOSTS, Asked, Listener, listening, says

MESSAGE = b'{"id":"msg_1","status":"queued","a_field_of_later":1}'


def body_of(asked: Asked) -> dict[str, object]:
    document: dict[str, object] = json.loads(asked.body)
    return document


def test_both_clients_have_the_same_methods() -> None:
    """What one can do the other can, under the same names."""

    def public(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in inspect.getmembers(kind, callable)
            if not name.startswith("_")
        }

    assert public(Client) == public(AsyncClient)
    assert list(inspect.signature(Client.__init__).parameters) == list(
        inspect.signature(AsyncClient.__init__).parameters
    )


def test_every_field_of_a_mail_has_its_name_on_the_wire(make_client: MakeClient) -> None:
    """The API refuses what it does not know, so a wrong name is a lost mail."""
    mail = Mail(
        sender=Mailbox("shop@example.com", "Shop"),
        to=["ann@example.net", Mailbox("bea@example.net")],
        cc="c@example.net", bcc=["d@example.net"], reply_to="help@example.com",
        subject="Order 7", text="Thanks", html="<p>Thanks</p>",
        attachments=[Attachment(filename="a.bin", content=b"\x00\xff", content_type="a/b",
                                content_id="logo", disposition="inline")],
        headers={"X-Campaign": "spring"}, tags=["orders"], metadata={"order": "7"},
        send_at=datetime(2031, 1, 1, tzinfo=UTC), give_up_after=600, priority="high",
        route="codes", on_unknown="risk_duplicate", idempotency_key="order-7",
    )  # fmt: skip
    good = Listener(script=[says(202, MESSAGE)])
    with listening(good):
        message = make_client(good.url, addresses=HOSTS[:1]).send(mail)

    (asked,) = good.asked
    assert (asked.method, asked.path) == ("POST", "/v1/messages")
    assert asked.headers["authorization"] == "Bearer ms_live_k"
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["idempotency-key"] == "order-7"
    assert body_of(asked) == {
        "from": {"address": "shop@example.com", "name": "Shop"},
        "to": ["ann@example.net", {"address": "bea@example.net"}],
        "cc": "c@example.net", "bcc": ["d@example.net"], "reply_to": "help@example.com",
        "subject": "Order 7", "text": "Thanks", "html": "<p>Thanks</p>",
        "attachments": [{"filename": "a.bin", "content": "AP8=", "content_type": "a/b",
                         "content_id": "logo", "disposition": "inline"}],
        "headers": {"X-Campaign": "spring"}, "tags": ["orders"], "metadata": {"order": "7"},
        "send_at": "2031-01-01T00:00:00Z", "give_up_after": 600, "priority": "high",
        "route": "codes", "on_unknown": "risk_duplicate",
    }  # fmt: skip
    assert (message.id, message.status, message.is_replayed) == ("msg_1", "queued", False)


def test_two_mails_without_a_key_have_two(make_client: MakeClient) -> None:
    """A key that is made up must never make the second mail a repetition of the first."""
    good = Listener(script=[says(202, MESSAGE)])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        mail = Mail(to="ann@example.net", text="x")
        client.send(mail)
        client.send(mail)

    first, second = (asked.headers["idempotency-key"] for asked in good.asked)
    assert first != second
    assert body_of(good.asked[0]) == {"to": "ann@example.net", "text": "x"}


def test_a_replayed_mail_is_told(make_client: MakeClient) -> None:
    """The program may want to know that it was here before."""
    good = Listener(script=[says(202, MESSAGE, Idempotency_Replayed="true")])
    with listening(good):
        message = make_client(good.url, addresses=HOSTS[:1]).send(Mail(idempotency_key="k"))

    assert message.is_replayed


def test_waiting_and_sync_are_said_to_the_gateway(make_client: MakeClient) -> None:
    """RFC 7240 for the one, `mode` for the other."""
    good = Listener(script=[says(200, MESSAGE)])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        client.send(Mail(text="x"), wait=7)
        client.send_now(Mail(text="x"), timeout=9)

    assert good.asked[0].headers["prefer"] == "wait=7"
    assert "mode" not in body_of(good.asked[0])
    assert body_of(good.asked[1])["mode"] == "sync"
    assert body_of(good.asked[1])["timeout"] == 9


def test_a_batch_has_a_key_for_each_mail_and_a_request_for_each_500(
    make_client: MakeClient,
) -> None:
    """One mail may be repeated alone, and no batch is too large."""

    def accept(asked: Asked) -> bytes:
        mails = body_of(asked)["messages"]
        assert isinstance(mails, list)
        results = [
            {"status": 202, "message": {"id": f"msg_{m['subject']}", "status": "queued"}}
            for m in mails
        ]
        results[0] = {"status": 422, "problem": {"code": "invalid_message",
                                                 "errors": [{"pointer": "/messages/0/to",
                                                             "detail": "no"}]}}  # fmt: skip
        return says(202, json.dumps({"data": results}).encode())

    good = Listener(answer=accept)
    with listening(good):
        mails = [Mail(to="a@example.net", subject=str(n), text="x") for n in range(501)]
        results = make_client(good.url, addresses=HOSTS[:1]).send_batch(mails)

    sizes = [len(body_of(asked)["messages"]) for asked in good.asked]  # type: ignore[arg-type]
    assert sizes == [500, 1]
    assert len(results) == 501
    assert results[1].message is not None
    assert results[1].message.id == "msg_1"
    assert results[0].problem is not None
    assert results[0].problem.errors[0].pointer == "/messages/0/to"
    assert len({result.idempotency_key for result in results}) == 501


def test_an_empty_batch_asks_nobody(make_client: MakeClient) -> None:
    """The gateway would refuse it, and there is nothing to do."""
    assert make_client("http://127.0.0.1:1").send_batch([]) == []


def test_messages_are_asked_for_by_their_quoted_id(make_client: MakeClient) -> None:
    """An id from outside must not reach another resource."""
    good = Listener(script=[says(200, MESSAGE)])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        client.status("msg_1/../../keys")
        client.cancel("msg_1")
        client.retry("msg_1", risk_duplicate=True)

    assert [(asked.method, asked.path) for asked in good.asked] == [
        ("GET", "/v1/messages/msg_1%2F..%2F..%2Fkeys"),
        ("POST", "/v1/messages/msg_1/cancel"),
        ("POST", "/v1/messages/msg_1/retry"),
    ]
    assert body_of(good.asked[2]) == {"risk_duplicate": True}


def test_a_message_that_is_cancelled_already_stays_so(make_client: MakeClient) -> None:
    """A cancel whose answer was lost is repeated, and the second one finds it done."""
    conflict = says(409, b'{"code":"state_conflict"}')
    good = Listener(script=[conflict, says(200, b'{"id":"msg_1","status":"cancelled"}'),
                            conflict, says(200, b'{"id":"msg_1","status":"sent"}')])  # fmt: skip
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        assert client.cancel("msg_1").status == "cancelled"
        with pytest.raises(Conflict):
            client.cancel("msg_1")


def test_waiting_for_a_message_ends_with_it_or_with_the_time(make_client: MakeClient) -> None:
    """Both are no error: the status tells."""
    queued = says(200, MESSAGE)
    good = Listener(script=[queued, queued, says(200, b'{"id":"msg_1","status":"sent"}'), queued])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        assert client.wait("msg_1").has_ended
        assert client.wait("msg_1", deadline=0.3).status == "queued"

    assert len(good.asked) < 10


def test_an_explanation_is_typed(make_client: MakeClient) -> None:
    """A dry run: which provider, and why not the others."""
    document = {
        "route": "default", "on_unknown": "wait", "recipients": 1, "suppressed": [],
        "would_be_sent": True, "has_backup": False,
        "providers": [{"position": 1, "provider": "ses", "kind": "ses", "would_be_asked": True,
                       "cannot_express": None, "blocked": None}],
    }  # fmt: skip
    good = Listener(script=[says(200, json.dumps(document).encode())])
    with listening(good):
        mail = Mail(to="a@example.net", text="x", idempotency_key="k")
        explained = make_client(good.url, addresses=HOSTS[:1]).explain(mail)

    assert explained.providers[0].provider == "ses"
    assert "idempotency_key" not in body_of(good.asked[0])
    assert "idempotency-key" not in good.asked[0].headers


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, InvalidRequest), (401, Unauthorized), (403, NotAllowed), (404, NotFound),
     (409, Conflict), (413, InvalidRequest), (415, InvalidRequest), (422, InvalidRequest),
     (429, TryLater), (500, Refused), (503, TryLater)],
)  # fmt: skip
def test_each_refusal_has_its_exception_with_the_problem(
    make_client: MakeClient, status: int, error: type[Refused]
) -> None:
    """A program decides by the class, a person reads the words."""
    document = {"code": "some_code", "detail": "Words.", "more": 1,
                "errors": [{"pointer": "/to/0", "detail": "no domain"}]}  # fmt: skip
    bad = Listener(script=[says(status, json.dumps(document).encode(), Retry_After="60")])
    words = r"some_code: Words.; /to/0: no domain"
    with listening(bad), pytest.raises(error, match=words) as failed:
        make_client(bad.url, addresses=HOSTS[:1]).send(Mail(idempotency_key="k"))

    assert type(failed.value) is error
    assert failed.value.document == document
    assert failed.value.faults[0].pointer == "/to/0"
    assert failed.value.retry_after == 60
    assert failed.value.idempotency_key == "k"


def test_a_refused_mail_carries_its_message(make_client: MakeClient) -> None:
    """With what each provider said."""
    document = {
        "code": "message_refused", "id": "msg_1",
        "message": {"id": "msg_1", "status": "failed",
                    "attempts": [{"number": 1, "provider": "ses", "outcome": "refused",
                                  "detail": "No such user"}]},
    }  # fmt: skip
    bad = Listener(script=[says(422, json.dumps(document).encode())])
    with listening(bad), pytest.raises(MessageRefused) as failed:
        make_client(bad.url, addresses=HOSTS[:1]).send_now(Mail(text="x"))

    assert failed.value.message.attempts[0].detail == "No such user"


@pytest.mark.parametrize(
    "answer",
    [says(200, b"<html>Welcome</html>"), says(200, b"[]"), says(200, b"\xff"), says(302, b"")],
)
def test_what_is_no_gateway_is_told(make_client: MakeClient, answer: bytes) -> None:
    """A wrong address with some web site behind it. A redirect would carry the key elsewhere."""
    other = Listener(script=[answer])
    with listening(other), pytest.raises(NotAGateway):
        make_client(other.url, addresses=HOSTS[:1]).send(Mail(text="x"))

    assert len(other.asked) == 1


def test_a_time_without_a_zone_is_refused(make_client: MakeClient) -> None:
    """Nobody could tell when that is."""
    with pytest.raises(ValueError, match="time zone"):
        make_client("http://127.0.0.1:1").send(Mail(send_at=datetime(2031, 1, 1)))  # noqa: DTZ001


def test_a_file_is_attached_by_its_path(tmp_path: Path) -> None:
    """`backup.tar.gz` is not a tar file, whatever the guess about its inside."""
    (tmp_path / "bill.pdf").write_bytes(b"%PDF")
    (tmp_path / "backup.tar.gz").write_bytes(b"\x1f\x8b")

    bill = Attachment.of(tmp_path / "bill.pdf")
    assert (bill.filename, bill.content, bill.content_type) == (
        "bill.pdf",
        b"%PDF",
        "application/pdf",
    )
    assert Attachment.of(tmp_path / "backup.tar.gz").content_type == "application/octet-stream"


def test_any_other_call_can_be_made(make_client: MakeClient) -> None:
    """The API has more calls than this client has methods."""
    good = Listener(script=[says(200, b'{"data":[]}'), says(404, b'{"code":"not_found"}')])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        answer = client.request("GET", "/v1/stats", query={"period": "1h", "tag": None, "x": ()})
        missing = client.request("DELETE", "/v1/keys/key_1", body={"a": 1})

    assert (answer.status, answer.body) == (200, b'{"data":[]}')
    assert missing.status == 404
    assert good.asked[0].path == "/v1/stats?period=1h"
    assert good.asked[1].body == b'{"a":1}'


# ---------------------------------------------------------------- events


def stream(*frames: bytes) -> bytes:
    body = b"".join(b"%x\r\n%s\r\n" % (len(frame), frame) for frame in frames)
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return head + body


def frame(n: int) -> bytes:
    return (
        b'id: evt_%d\ndata: {"id":"evt_%d","type":"message.sent","at":"2030-01-01T00:00:00Z"}\n\n'
        % (n, n)
    )


END = b"0\r\n\r\n"
NEWEST = says(200, b'{"data":[{"id":"evt_4","type":"message.queued","at":"2030-01-01T00:00:00Z"}]}')


def test_events_go_on_where_the_line_broke(make_client: MakeClient) -> None:
    """A stream that ends, is cut, or never begins: none is left out and none comes twice."""
    good = Listener(script=[
        NEWEST,
        stream(b"retry: 1\n\n", frame(5), frame(6)) + END,
        b"",
        stream(frame(7)[:20]) + b"Connection: close",
        stream(frame(7)) + END,
    ])  # fmt: skip
    with listening(good):
        events = make_client(good.url, addresses=HOSTS[:1]).events()
        assert [next(events).id for _ in range(3)] == ["evt_5", "evt_6", "evt_7"]
        events.close()

    assert good.asked[0].path == "/v1/events?limit=1&order=newest_first"
    assert [asked.headers.get("last-event-id") for asked in good.asked[1:]] == [
        "evt_4", "evt_6", "evt_6", "evt_6",
    ]  # fmt: skip
    assert good.asked[1].headers["accept"] == "text/event-stream"


def test_events_begin_where_the_caller_left_off(make_client: MakeClient) -> None:
    """A program that kept the last id goes on there after its own restart."""
    good = Listener(script=[stream(frame(8)) + END])
    with listening(good):
        events = make_client(good.url, addresses=HOSTS[:1]).events(
            after="evt_7", message_id="msg_1"
        )
        assert next(events).id == "evt_8"
        events.close()

    assert good.asked[0].path == "/v1/events/stream?message_id=msg_1"
    assert good.asked[0].headers["last-event-id"] == "evt_7"


def test_the_very_first_event_is_not_lost_in_a_broken_line(make_client: MakeClient) -> None:
    """On a new gateway there is no id to begin behind."""
    nothing = says(200, b'{"data":[]}')
    first = says(
        200, b'{"data":[{"id":"evt_1","type":"message.queued","at":"2030-01-01T00:00:00Z"}]}'
    )
    good = Listener(script=[nothing, stream() + END, first, stream(frame(2)) + END])
    with listening(good):
        events = make_client(good.url, addresses=HOSTS[:1]).events()
        assert [next(events).id for _ in range(2)] == ["evt_1", "evt_2"]
        events.close()

    assert good.asked[2].path == "/v1/events?limit=1&order=oldest_first"
    assert good.asked[3].headers["last-event-id"] == "evt_1"


@pytest.mark.parametrize(
    ("answer", "error"), [(says(401, b"{}"), Unauthorized), (stream(b"data: ?\n\n"), NotAGateway)]
)
def test_a_stream_that_makes_no_sense_ends_with_the_reason(
    make_client: MakeClient, answer: bytes, error: type[Exception]
) -> None:
    """A revoked key does not come back by waiting."""
    bad = Listener(script=[answer])
    with listening(bad):
        events = make_client(bad.url, addresses=HOSTS[:1]).events(after="evt_1")
        with pytest.raises(error):
            next(events)


def test_a_stream_whose_gateway_is_gone_ends_at_its_deadline(make_client: MakeClient) -> None:
    """The caller says how long it may be away."""
    gone = Listener(script=[stream(frame(2)) + END])
    with listening(gone):
        events = make_client(gone.url, addresses=HOSTS[:1]).events(after="evt_1", deadline=0.5)
        assert next(events).id == "evt_2"
    with pytest.raises(NoAnswer):
        next(events)
