"""The gateway as the commands see it: documents, and failures in words.

Neighbours: `target` says which gateway and key; `mail_sender.client` brings the calls there and
repeats what may be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from .. import client as gateway
from .failure import FAILED, WRONG_USAGE, CommandFailed

DEADLINE = 30.0  #: seconds for which a call goes on trying, besides what it takes
REACH_WITHIN = 3.5  #: seconds; a person wants to know soon that nobody is there
TAKES = 20.0  #: seconds that a call may take before its answer, where nothing else is said
MAX_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered; `document` is its JSON."""

    status: int
    document: Any
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The problem's stable word; empty when the answer is no problem document."""
        return str(self.document.get("code", "")) if isinstance(self.document, dict) else ""


class Client:
    """Calls one gateway (or sandbox) with one key."""

    def __init__(self, url: str, key: str | None = None, *, deadline: float | None = None) -> None:
        self._deadline = DEADLINE if deadline is None else deadline
        try:
            self._gateway = gateway.Client(
                url, key, deadline=self._deadline, reach_within=min(REACH_WITHIN, self._deadline)
            )
        except ValueError as error:
            raise CommandFailed(
                str(error),
                advice="Give an address such as http://127.0.0.1:8025, and a deadline in seconds.",
                status=WRONG_USAGE,
                code="usage",
            ) from None
        self.url = self._gateway.url

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        takes: float = TAKES,
    ) -> Answer:
        """Make one call and return a 2xx.

        Raises:
            CommandFailed: No answer, or another one, in words.
        """
        try:
            answer = self.call(method, path, query=query, body=body, headers=headers, takes=takes)
        except gateway.NoAnswer as error:
            raise unreachable(self.url, error) from None
        if not answer.is_success:
            raise refusal(answer)
        return answer

    def pages(self, path: str, query: Mapping[str, object], *, at_most: int) -> Iterator[Any]:
        """Yield the rows of a list, following its cursor, up to `at_most`."""
        cursor: object = None
        left = at_most
        for _ in range(MAX_PAGES):
            limit = min(left, 200)
            page = self.ask("GET", path, query={**query, "limit": limit, "cursor": cursor}).document
            rows = page["data"][:left]
            yield from rows
            left -= len(rows)
            cursor = page.get("next_cursor")
            if cursor is None or left <= 0:
                return

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        takes: float = TAKES,
    ) -> Answer:
        """Make one call, whatever the answer.

        A body is written as JSON, but for bytes, whose `Content-Type` stands in `headers`.

        Raises:
            NoAnswer: There is none.
            CommandFailed: The answer is not one of a gateway.
        """
        with self._gateway:
            try:
                got = self._gateway.request(
                    method,
                    path,
                    query=query,
                    body=body,
                    headers=headers,
                    takes=takes,
                    deadline=self._deadline + takes,
                )
            except ValueError:  # a header that cannot be written; never quoted: it may be the key
                raise CommandFailed(
                    "the API key or the Idempotency-Key has characters that no header may have",
                    status=WRONG_USAGE,
                    code="usage",
                ) from None
        return Answer(got.status, self._document(got.status, got.body), got.headers)

    def download(self, path: str, to: BinaryIO, *, query: Mapping[str, object]) -> None:
        """Write what a GET brings into a file, however large it is.

        Raises:
            CommandFailed: It does not come, or not whole.
        """
        try:
            with self._gateway, self._gateway.download(path, query=query) as pieces:
                to.writelines(pieces)
        except gateway.NoAnswer as error:
            raise unreachable(self.url, error) from None
        except gateway.Refused as refused:
            raise refusal(Answer(refused.status, refused.document)) from None

    def _document(self, status: int, raw: bytes) -> Any:  # noqa: ANN401 - JSON is anything
        if not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError:
            raise CommandFailed(
                f"{self.url} answered {status} with something that is not JSON",
                advice="Is this the address of a mail-sender, and is the proxy before it well?",
                code="not_a_gateway",
            ) from None


def unreachable(url: str, error: gateway.NoAnswer) -> CommandFailed:
    """Return the failure of a call that brought no answer."""
    if error.may_have_arrived:
        return CommandFailed(
            f"{url} did not answer: {error.reason}",
            advice="It may have got the request: look before you repeat it.",
            code="no_answer",
        )
    return CommandFailed(
        f"{url} cannot be reached: {error.reason}",
        advice="Is the gateway running there (`mail-sender serve`)? "
        "Another one: --url or MAIL_SENDER_URL.",
        code="unreachable",
    )


def refusal(answer: Answer) -> CommandFailed:
    """Return the failure of a call that was answered with something else than 2xx."""
    problem = answer.document if isinstance(answer.document, dict) else {}
    text = str(problem.get("detail") or problem.get("title") or f"the answer is {answer.status}")
    wrong = [f"{e.get('pointer', '')}: {e.get('detail', '')}" for e in problem.get("errors") or []]
    if wrong:
        text = "\n  ".join([text, *wrong])
    return CommandFailed(
        text,
        advice=_ADVICE.get(answer.status, "") or _later(answer),
        status=WRONG_USAGE if answer.status in {400, 401} or wrong else FAILED,
        code=answer.code or f"http_{answer.status}",
        document=problem or None,
    )


_ADVICE = {
    401: "Give a good key with MAIL_SENDER_KEY or --key. A new one: on the gateway's machine, "
    "`mail-sender keys create --name me --scopes send,read`.",
    403: "This key may not do it. One that may: `mail-sender keys create`, with the scope that is "
    "missing (send, read, content, manage).",
    404: "Look at the id, and whether this is the right gateway and key.",
}


def _later(answer: Answer) -> str:
    seconds = next((v for k, v in answer.headers.items() if k.lower() == "retry-after"), None)
    return f"Try again in {seconds} seconds." if seconds else ""
