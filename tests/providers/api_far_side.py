"""The far side of a JSON API: the sandbox's imitation, and answers recorded from the vendor.

What is accepted is judged by the imitation, which refuses what the vendor does not document;
what is refused is in the vendor's words, from tests/recorded. Both are judged by others in turn:
by the vendors' SDKs.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mail_sender.clock import Clock, FakeClock
from mail_sender.domain.outcome import Accepted, Blame, Outcome, Unknown
from mail_sender.providers.http import Answer, Phase, Request
from mail_sender.sandbox.accounts import API_ACCOUNTS
from mail_sender.sandbox.exchange import Taken
from mail_sender.sandbox.faults import Faults, Kind
from mail_sender.sandbox.inbox import Inbox
from mail_sender.sandbox.inbox import Mail as InboxMail
from mail_sender.sandbox.wire import Head
from tests.contracts.provider import Mail
from tests.providers.scripted_http import ScriptedHttp, always, answer, silent

_RECORDED = Path(__file__).parent.parent / "recorded"


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer of a vendor's, and what it means for each recipient."""

    name: str
    answer: Answer
    means: str | dict[str, str]
    retry_after: float | None


def recorded_answers(kind: str) -> dict[str, Recorded]:
    """Return the answers in tests/recorded/{kind}.json by name."""
    known = json.loads((_RECORDED / f"{kind}.json").read_text(encoding="utf-8"))
    assert known["recorded"]
    found = [_recorded(row, known["source"]) for row in known["answers"]]
    return {row.name: row for row in found}


def _recorded(row: dict[str, Any], source: str) -> Recorded:
    assert row.get("source", source)
    headers = {name.lower(): value for name, value in row.get("headers", {}).items()}
    reply = answer(row["status"], row.get("body", b""))
    return Recorded(
        name=row["name"],
        answer=Answer(status=reply.status, headers=headers, body=reply.body),
        means=row["means"],
        retry_after=row.get("retry_after"),
    )


def meaning(outcome: Outcome) -> str:
    """Return an outcome in the words of the recorded files."""
    match outcome:
        case Accepted():
            return "accepted"
        case Unknown():
            return "unknown"
        case _ if outcome.blame is Blame.PROVIDER:
            return f"{type(outcome).__name__.lower()}: provider, {outcome.reach}"
        case _:
            return f"{type(outcome).__name__.lower()}: {outcome.blame}"


class ApiFarSide:
    """See `tests.contracts.provider.FarSide`."""

    def __init__(self, kind: str, secrets: Sequence[str], clock: Clock | None = None) -> None:
        self.secrets = secrets
        self.recorded = recorded_answers(kind)
        self.clock = clock or FakeClock()
        self.inbox = Inbox(self.clock)
        self.faults = Faults({kind: Kind(kind)})
        self.account = API_ACCOUNTS[Kind(kind)](
            kind, inbox=self.inbox, faults=self.faults, clock=self.clock
        )
        self.http = ScriptedHttp(self.imitate)

    def imitate(self, request: Request) -> Answer:
        """Answer as the imitation does."""
        place = urlsplit(request.url)
        target = f"{place.path}?{place.query}" if place.query else place.path
        head = Head(request.method, target, {k.lower(): v for k, v in request.headers.items()})
        taken = self.account.answer(head, request.body, suspended=False)
        reply = taken.reply if isinstance(taken, Taken) else taken
        headers = {name.lower(): value for name, value in reply.headers}
        return Answer(
            status=reply.status,
            headers={"content-type": reply.content_type, **headers},
            body=reply.body,
        )

    @property
    def calls(self) -> int:
        return len(self.http.requests)

    @property
    def taken(self) -> Sequence[InboxMail]:
        """What the imitation took, oldest first."""
        return self.inbox.newest(limit=1000)[::-1]

    @property
    def mails(self) -> Sequence[Mail]:
        return [_mail(mail) for mail in self.taken]

    def accepts(self) -> None:
        self.http.script = self.imitate

    def says(self, name: str) -> None:
        """Give a recorded answer to whatever is asked."""
        self.http.script = always(self.recorded[name].answer)

    def refuses_our_key(self) -> None:
        self.says("wrong key")

    def refuses_the_message(self) -> None:
        self.says("bad message")

    def asks_for_patience(self) -> None:
        self.says("too fast")

    def is_not_there(self) -> None:
        self.http.script = silent(Phase.CONNECT)

    def falls_silent(self) -> None:
        self.http.script = silent(Phase.ANSWER)

    def talks_nonsense(self) -> None:
        self.http.script = always(answer(200, "<html>Welcome</html>", content_type="text/html"))

    def hangs(self) -> None:
        self.http.hangs = True

    async def was_called(self) -> None:
        await self.http.called.wait()


def _mail(mail: InboxMail) -> Mail:
    contents = mail.read()
    named = frozenset(box.address for box in (*contents.to, *contents.cc))
    return Mail(frozenset(mail.recipients), named)
