"""What each method of the clients asks, and how its answer is read: once for both of them.

Neighbours: `Client` and `AsyncClient` carry the calls out. Which calls may be repeated stands
here: those that only read or change nothing, those with an idempotency key, and a cancel, which
is the same when done twice. A retry is not: after a lost answer it might send once more what the
first one sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from .answers import BatchResult, Event, Explanation, Message
from .course import LineBroke
from .entry import Entry
from .errors import ClientError, NoAnswer, NotAGateway, error_of
from .http1 import Answer, Request
from .mail import Mail, document_of, with_key
from .sse import FrameReader

PATIENCE = 10.0  #: seconds without any progress of a request after which another try is made
MARGIN = 5.0  #: seconds more than the gateway was told to take
MOST_IN_A_BATCH = 500
MAX_DEADLINE = 3600.0  #: seconds; far less than an idempotency key is remembered (24 h by default)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[Result]):
    """A request, and how to read its 2xx."""

    method: str
    path: str
    read: Callable[[Answer], Result]
    query: Mapping[str, object] | None = None
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_repeatable: bool = True
    takes: float = 0.0  #: seconds that the gateway may take before it answers
    idempotency_key: str | None = None

    def request(self, entry: Entry, key: str | None) -> Request:
        """Return what goes over the wire."""
        headers = dict(self.headers)
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if self.body is not None:
            headers.setdefault("Content-Type", "application/json")
        return Request(
            method=self.method,
            target=entry.base + self.path + query_text(self.query or {}),
            headers=headers,
            body=self.body,
            is_repeatable=self.is_repeatable,
            patience=max(PATIENCE, self.takes + MARGIN),
        )

    def result(self, answer: Answer) -> Result:
        """Read the answer.

        Raises:
            ClientError: It is no 2xx, or not one of a gateway.
        """
        if not answer.is_success:
            raise self.marked(error_of(answer))
        try:
            return self.read(answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.marked(NotAGateway(f"answered {answer.status} in another form")) from None

    def no_answer(self, entry: Entry, broke: LineBroke) -> ClientError:
        """Return the error of a call that was not answered."""
        return self.marked(NoAnswer(entry.url, str(broke), may_have_arrived=broke.was_sent))

    def marked(self, error: ClientError) -> ClientError:
        """Return the error with the key under which the mail may be sent again."""
        error.idempotency_key = self.idempotency_key
        return error


# ---------------------------------------------------------------- sending


def send(mail: Mail, *, wait: float | None) -> Call[Message]:
    """Hand a mail over; `wait` for its end for some seconds (RFC 7240), if it is given."""
    headers = {"Prefer": f"wait={round(wait)}"} if wait else {}
    return _submission(mail, {}, headers, takes=wait or 0.0)


def send_now(mail: Mail, *, timeout: float) -> Call[Message]:
    """Hand a mail over and hear what the provider said."""
    return _submission(mail, {"mode": "sync", "timeout": timeout}, {}, takes=timeout)


def _submission(
    mail: Mail, how: Mapping[str, object], headers: Mapping[str, str], *, takes: float
) -> Call[Message]:
    mail = with_key(mail)
    document = document_of(mail)
    key = str(document.pop("idempotency_key"))
    return Call(
        method="POST",
        path="/v1/messages",
        read=_read_sent,
        body=msgspec.json.encode({**document, **how}),
        headers={**headers, "Idempotency-Key": key},
        takes=takes,
        idempotency_key=key,
    )


def send_batch(mails: Sequence[Mail]) -> list[Call[list[BatchResult]]]:
    """Hand many mails over, 500 in each request."""
    keyed = [with_key(mail) for mail in mails]
    parts = [keyed[n : n + MOST_IN_A_BATCH] for n in range(0, len(keyed), MOST_IN_A_BATCH)]
    return [_batch(part) for part in parts]


def _batch(mails: Sequence[Mail]) -> Call[list[BatchResult]]:
    def read(answer: Answer) -> list[BatchResult]:
        results = _decode_batch(answer.body).data
        return [
            msgspec.structs.replace(result, idempotency_key=mail.idempotency_key)
            for mail, result in zip(mails, results, strict=True)
        ]

    return Call(
        method="POST",
        path="/v1/messages/batch",
        read=read,
        body=msgspec.json.encode({"messages": [document_of(mail) for mail in mails]}),
        takes=PATIENCE,
    )


def explain(mail: Mail) -> Call[Explanation]:
    """Ask where a mail would go; nothing is stored or sent."""
    document = document_of(mail)
    document.pop("idempotency_key", None)
    return Call(
        method="POST",
        path="/v1/explain",
        read=lambda answer: _decode_explanation(answer.body),
        body=msgspec.json.encode(document),
    )


# ---------------------------------------------------------------- messages


def status(id_: str) -> Call[Message]:
    """Ask what became of a message."""
    return Call(method="GET", path=f"/v1/messages/{quote(id_, safe='')}", read=_read_message)


def cancel(id_: str) -> Call[Message]:
    """Withdraw a message before it is handed over."""
    path = f"/v1/messages/{quote(id_, safe='')}/cancel"
    return Call(method="POST", path=path, read=_read_message)


def retry(id_: str, *, risk_duplicate: bool) -> Call[Message]:
    """Try a message again now."""
    return Call(
        method="POST",
        path=f"/v1/messages/{quote(id_, safe='')}/retry",
        read=_read_message,
        body=msgspec.json.encode({"risk_duplicate": risk_duplicate}),
        is_repeatable=False,
    )


# ---------------------------------------------------------------- events


def stream(after: str | None, message_id: str | None) -> Call[None]:
    """Follow events behind one of them."""
    return Call(
        method="GET",
        path="/v1/events/stream",
        read=lambda _: None,
        query={"message_id": message_id},
        headers={
            "Accept": "text/event-stream",
            **({"Last-Event-ID": after} if after is not None else {}),
        },
    )


def edge_of_events(*, newest: bool) -> Call[Event | None]:
    """Ask for the newest event of all, or the oldest; None when nothing ever happened."""

    def read(answer: Answer) -> Event | None:
        return next(iter(_decode_events(answer.body).data), None)

    order = "newest_first" if newest else "oldest_first"
    return Call(method="GET", path="/v1/events", read=read, query={"limit": 1, "order": order})


def events_in(reader: FrameReader, piece: bytes) -> list[Event]:
    """Return the events that are whole with this piece of the stream. Raises `NotAGateway`."""
    try:
        return [_decode_event(frame.data) for frame in reader.feed(piece)]
    except ValueError:  # of which `msgspec.DecodeError` is one
        raise NotAGateway("the stream of events has something else in it") from None


# ---------------------------------------------------------------- any other


def other(
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None,
    body: object,
    headers: Mapping[str, str],
    takes: float,
) -> Call[Answer]:
    """Make a call for which there is no method. See `Client.request`."""
    content = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
    names = {name.lower() for name in headers}
    return Call(
        method=method,
        path=path,
        read=lambda answer: answer,
        query=query,
        body=content,
        headers=headers,
        is_repeatable=method == "GET" or "idempotency-key" in names,
        takes=takes,
    )


def download(path: str, query: Mapping[str, object] | None) -> Call[None]:
    """Get something that is read piece by piece."""
    return Call(
        method="GET", path=path, read=lambda _: None, query=query, headers={"Accept": "*/*"}
    )


def query_text(query: Mapping[str, object]) -> str:
    """Return the query with its question mark, without what is None or empty."""
    given = {name: value for name, value in query.items() if value is not None and value != ()}
    return "?" + urlencode(given, doseq=True) if given else ""


def limit_of(deadline: float) -> float:
    """Return a deadline in seconds, checked.

    Raises:
        ValueError: It is none, or so long that the gateway may have forgotten a key before.
    """
    if not 0 < deadline <= MAX_DEADLINE:
        raise ValueError(f"a deadline is more than 0 and at most {MAX_DEADLINE:.0f} seconds")
    return deadline


class _Batch(msgspec.Struct):
    data: list[BatchResult]


class _Events(msgspec.Struct):
    data: list[Event]


_decode_message = msgspec.json.Decoder(Message).decode
_decode_batch = msgspec.json.Decoder(_Batch).decode
_decode_explanation = msgspec.json.Decoder(Explanation).decode
_decode_events = msgspec.json.Decoder(_Events).decode
_decode_event = msgspec.json.Decoder(Event).decode


def _read_message(answer: Answer) -> Message:
    return _decode_message(answer.body)


def _read_sent(answer: Answer) -> Message:
    message = _decode_message(answer.body)
    is_replayed = answer.headers.get("idempotency-replayed") == "true"
    return msgspec.structs.replace(message, is_replayed=is_replayed)
