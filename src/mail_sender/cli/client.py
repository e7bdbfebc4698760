"""A small client of the HTTP contract, for the commands.

Neighbours: `target` says which gateway and key; the commands read the answers. One call is one
request on one connection: it repeats nothing by itself, and tells "no connection, so nothing was
asked" from "the line broke, so nobody knows", because `send` decides by it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlencode, urlsplit

from .. import __version__
from .failure import FAILED, WRONG_USAGE, CommandFailed

DEFAULT_TIMEOUT = 30.0  #: seconds for connecting, and then for each wait
MAX_ANSWER_BYTES = 64 * 1024 * 1024
MAX_PAGES = 10_000


class LineBroke(Exception):
    """A call brought no answer.

    Attributes:
        was_sent: Whether the gateway may have got the request.
        may_pass: Whether trying again soon makes sense (False for a wrong name or certificate).
    """

    def __init__(self, text: str, *, was_sent: bool, may_pass: bool) -> None:
        super().__init__(text)
        self.was_sent = was_sent
        self.may_pass = may_pass


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

    def __init__(self, url: str, key: str | None = None) -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CommandFailed(
                f"{url!r} is not the address of a gateway",
                advice="Give one such as http://127.0.0.1:8025.",
                status=WRONG_USAGE,
                code="usage",
            )
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
        self._parts = parts
        self._key = key

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, object] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Answer:
        """Make one call and return a 2xx.

        Raises:
            CommandFailed: No answer, or another one, in words.
        """
        try:
            answer = self.call(
                method, path, query=query, body=body, headers=headers, timeout=timeout
            )
        except LineBroke as broke:
            raise unreachable(self.url, broke) from None
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
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Answer:
        """Make one call, whatever the answer.

        A body is written as JSON, but for bytes, whose `Content-Type` stands in `headers`.

        Raises:
            LineBroke: There is none.
            CommandFailed: The answer is not one of a gateway.
        """
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        fields = self._fields("application/json")
        if content is not None:
            fields["Content-Type"] = "application/json"
        request = (method, self._where(path, query), content, {**fields, **(headers or {})})
        with self._connected(timeout) as connection:
            got = _answered(connection, request)
            raw = _broken_lines(lambda: got.read(MAX_ANSWER_BYTES))
        return Answer(got.status, self._document(got.status, raw), dict(got.headers.items()))

    def download(self, path: str, to: BinaryIO, *, query: Mapping[str, object]) -> None:
        """Write what a GET brings into a file, however large it is.

        Raises:
            CommandFailed: It does not come, or not whole.
        """
        request = ("GET", self._where(path, query), None, self._fields("*/*"))
        try:
            with self._connected(DEFAULT_TIMEOUT) as connection:
                got = _answered(connection, request)
                if got.status == http.client.OK:
                    _broken_lines(lambda: _copy(got, to))
                    return
                raw = _broken_lines(lambda: got.read(MAX_ANSWER_BYTES))
        except LineBroke as broke:
            raise unreachable(self.url, broke) from None
        raise refusal(Answer(got.status, self._document(got.status, raw), dict(got.headers)))

    def _fields(self, accept: str) -> dict[str, str]:
        fields = {"Accept": accept, "User-Agent": f"mail-sender/{__version__}"}
        if self._key:
            fields["Authorization"] = f"Bearer {self._key}"
        return fields

    def _where(self, path: str, query: Mapping[str, object] | None) -> str:
        return self._parts.path.rstrip("/") + path + _query_text(query or {})

    @contextlib.contextmanager
    def _connected(self, timeout: float) -> Iterator[http.client.HTTPConnection]:
        connection = self._connection(timeout)
        try:
            _connect(connection)
            yield connection
        finally:
            connection.close()

    def _connection(self, timeout: float) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=timeout)

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


_Request = tuple[str, str, bytes | None, Mapping[str, str]]
"""Method, path with query, body, header fields."""

Result = TypeVar("Result")


def _answered(
    connection: http.client.HTTPConnection, request: _Request
) -> http.client.HTTPResponse:
    method, where, content, fields = request

    def exchange() -> http.client.HTTPResponse:
        connection.request(method, where, content, dict(fields))
        return connection.getresponse()

    try:
        return _broken_lines(exchange)
    except ValueError:  # a header value that cannot be written; never quoted: it may be the key
        raise CommandFailed(
            "the API key or the Idempotency-Key has characters that no header may have",
            status=WRONG_USAGE,
            code="usage",
        ) from None


def _copy(got: http.client.HTTPResponse, to: BinaryIO) -> None:
    shutil.copyfileobj(got, to)
    if got.length:  # read in parts it does not say itself that there should have been more
        raise http.client.IncompleteRead(b"", got.length)


def _broken_lines(work: Callable[[], Result]) -> Result:
    """Do something with a connection that stands; what breaks it is a `LineBroke`."""
    try:
        return work()
    except TimeoutError:
        raise LineBroke("no answer in time", was_sent=True, may_pass=False) from None
    except (OSError, http.client.HTTPException) as error:
        raise LineBroke(_words_of(error), was_sent=True, may_pass=True) from None


def _connect(connection: http.client.HTTPConnection) -> None:
    """Connect, so that a failure here is known to have sent nothing."""
    try:
        connection.connect()
    except ssl.SSLCertVerificationError as error:
        text = f"its certificate is not good: {error.verify_message}"
        raise LineBroke(text, was_sent=False, may_pass=False) from None
    except (ConnectionError, TimeoutError) as error:
        raise LineBroke(_words_of(error), was_sent=False, may_pass=True) from None
    except (OSError, UnicodeError) as error:
        raise LineBroke(_words_of(error), was_sent=False, may_pass=False) from None


def _words_of(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def _query_text(query: Mapping[str, object]) -> str:
    given = {name: value for name, value in query.items() if value is not None and value != ()}
    return "?" + urlencode(given, doseq=True) if given else ""


def unreachable(url: str, broke: LineBroke) -> CommandFailed:
    """Return the failure of a call that brought no answer."""
    if broke.was_sent:
        return CommandFailed(
            f"{url} did not answer: {broke}",
            advice="It may have got the request: look before you repeat it.",
            code="no_answer",
        )
    return CommandFailed(
        f"{url} cannot be reached: {broke}",
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
