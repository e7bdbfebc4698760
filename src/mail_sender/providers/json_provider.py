"""What all providers with a JSON API do alike: one POST a mail, one table of refusals.

Neighbours: each provider file has the mapping of a message, the reading of a yes, and a table
from its error codes to a `Verdict`; `http_provider` makes the call. A 2xx without what a yes
must hold is Unknown, and so is a 5xx: that it is worded does not say that nothing was sent.
Only a provider's own table may know better.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

import msgspec

from ..domain.message import Address, Message
from ..domain.outcome import Accepted, Blame, Deferred, Diagnostic, Outcome, Reach, Refused
from .addressing import Addressed, addressed
from .ascii_headers import ascii_form
from .http import Answer, Request, Silence, outcome_of_answer
from .http_provider import HttpProvider
from .look_up import evidence_in, still_open
from .port import Check, CheckResult, Evidence, NoEvidence, Taken
from .settings import CommonSettings, Tools
from .verdict import Verdict, outcome_by

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A no in the provider's own form.

    Attributes:
        words: For a person.
        verdict: From the provider's table; None: the status decides.
        wait: What it asks for elsewhere than in Retry-After.
        code: Where the status says nothing.
    """

    words: str
    verdict: Verdict | None = None
    wait: timedelta | None = None
    code: int | None = None


class JsonProvider(HttpProvider):
    """See `port.Provider`.

    Attributes:
        send_path: Of the call that hands over a mail.
    """

    send_path: str

    def __init__(
        self,
        name: str,
        settings: CommonSettings,
        tools: Tools,
        *,
        base_url: str,
        secrets: tuple[str, ...],
        headers: Mapping[str, str],
    ) -> None:
        """Make it; see `HttpProvider`. `headers` go with every call: the key, mostly."""
        super().__init__(name, settings, tools, base_url=base_url, secrets=secrets)
        # Some edges turn away whoever does not say what it is.
        self._headers = {"Accept": "application/json", "User-Agent": "mail-sender", **headers}

    # ------------------------------------------------ what a provider says

    @abstractmethod
    def _document(self, message: Message, who: Addressed) -> object:
        """Return what is posted for a message that can be expressed, to be encoded as JSON.

        Raises:
            TooMuchForIt: See `HttpProvider._send_request`.
            ValueError: See there.
        """

    @abstractmethod
    def _taken(
        self, answer: Answer, message: Message, to: frozenset[Address]
    ) -> Mapping[Address, Outcome] | None:
        """Read a 2xx: one Outcome for each in `to`; None when it holds no yes."""

    @abstractmethod
    def _refusal(self, answer: Answer) -> Refusal | None:
        """Read a no, of whatever status; None when it is not in the provider's own form."""

    def _empty_mail(self) -> object:
        """Return a document that nothing can be sent by: for it every provider has a no."""
        return {}

    # ------------------------------------------------ what is the same for all

    def _send_request(self, message: Message, to: frozenset[Address]) -> Request:
        who = addressed(message.content, to, blind_alone=self.capabilities.blind_alone)
        return self._post(self.send_path, self._document(message, who))

    def _outcomes(
        self,
        answer: Answer,
        message: Message,
        to: frozenset[Address],
    ) -> Mapping[Address, Outcome]:
        if 200 <= answer.status < 300:
            taken = self._taken(answer, message, to)
            if taken is not None:
                return taken
        return dict.fromkeys(to, self._no(answer, self._refusal(answer), self._clock.now()))

    async def _finding(self) -> tuple[Check, Answer]:
        """See `HttpProvider._finding`: posts a mail without anything in it.

        The provider checks the key first, and a key that may send is told what the mail lacks.
        It is asked what matters, and a key that may do nothing else passes.
        """
        answer = await self._answer(self._post(self.send_path, self._empty_mail()))
        refusal = self._refusal(answer)
        return finding(self.title, refusal, self._no(answer, refusal, self._clock.now())), answer

    def _no(self, answer: Answer, refusal: Refusal | None, now: datetime) -> Outcome:
        if refusal is None:
            return outcome_of_answer(answer, now=now)
        if refusal.verdict is None:
            words = refusal.words if answer.status < 500 else None
            return outcome_of_answer(answer, now=now, words=words)
        return outcome_by(
            refusal.verdict, answer, refusal.words, now=now, wait=refusal.wait, code=refusal.code
        )

    def _post(self, path: str, document: object, headers: Mapping[str, str] = {}) -> Request:
        return Request(
            method="POST",
            url=self._base + path,
            headers={**self._headers, "Content-Type": "application/json", **headers},
            body=_encode(document),
        )

    def _get(self, path: str) -> Request:
        return Request(method="GET", url=self._base + path, headers=self._headers)


class ListsById(JsonProvider):
    """A provider that lists its mails by our id, or with it. See `port.LooksUp`."""

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """See `LooksUp.look_up`."""
        age = now - attempted_at
        try:
            answer = await self._answer(self._list_request(message, to, attempted_at))
        except Silence as silence:
            return still_open(f"{self.title} could not be asked: {silence.reason}", age)
        found = None
        if answer.status == 200:
            lowered = frozenset(in_lower(address) for address in to)
            found = self._found_in(answer.json(), message, lowered)
        return evidence_in(answer, found, title=self.title, age=age)

    @abstractmethod
    def _list_request(
        self, message: Message, to: Sequence[Address], attempted_at: datetime
    ) -> Request:
        """Return the question for mails that may be this one."""

    @abstractmethod
    def _found_in(self, document: object, message: Message, to: frozenset[str]) -> str | None:
        """Return the provider's id of this mail in its list; None: it is not there.

        Args:
            document: Any JSON at all.
            message: The one in doubt.
            to: Its recipients in doubt, in lower case: an earlier call for others, under the
                same id of ours, says nothing of this one.
        """


class RepeatsByKey(JsonProvider):
    """A provider that acts once for an idempotency key. See `port.LooksUp`.

    An unknown outcome is settled by the same call again: either the provider took the first one
    and says so, or it takes this one. That holds only for the very same call, so it is made
    only when everybody is in doubt: the call was then for everybody, too.

    Attributes:
        repeats_for: How long the provider surely remembers a key.
    """

    repeats_for: ClassVar[timedelta]

    @abstractmethod
    def _had_it(self, answer: Answer) -> str | None:
        """Return the words of a no that means: this key has sent already. None: it is another."""

    def _outcomes(
        self, answer: Answer, message: Message, to: frozenset[Address]
    ) -> Mapping[Address, Outcome]:
        words = self._had_it(answer)
        if words is None:
            return super()._outcomes(answer, message, to)
        # It does not say which id it gave the first call; ours finds the mail in its log too.
        diagnostic = Diagnostic(text=words, code=answer.status)
        taken = Accepted(provider_message_id=str(message.id), diagnostic=diagnostic)
        return dict.fromkeys(to, taken)

    async def look_up(
        self, message: Message, *, to: Sequence[Address], attempted_at: datetime, now: datetime
    ) -> Evidence:
        """See `LooksUp.look_up`: repeats the call under its key, unless the mail is too late."""
        age = now - attempted_at
        if not self._may_repeat(message, to, age, now):
            return NoEvidence("it cannot be repeated as the same call any more", None)
        outcomes = await self.send(message, to=frozenset(to))
        outcome = next(iter(outcomes.values()))
        if isinstance(outcome, Accepted):
            return Taken(outcome.provider_message_id, f"{self.title} took it, once for its key")
        return still_open(f"repeated under its key: {outcome.diagnostic.text}", age)

    def _may_repeat(
        self, message: Message, to: Sequence[Address], age: timedelta, now: datetime
    ) -> bool:
        is_for_everybody = set(to) == set(message.content.recipients)
        return is_for_everybody and age < self.repeats_for and now < message.give_up_at


def accepted_all(to: frozenset[Address], message_id: object) -> Mapping[Address, Outcome] | None:
    """Return that everybody's mail was taken under one id; None: that is no id, so no yes."""
    if not isinstance(message_id, str) or not message_id:
        return None
    return dict.fromkeys(to, Accepted(provider_message_id=message_id))


def accepted_each(
    to: frozenset[Address], ids: Mapping[str, str]
) -> Mapping[Address, Outcome] | None:
    """Return that everybody's mail was taken, where each recipient has an id of its own.

    Args:
        to: For whom the call was.
        ids: By address, in ASCII and lower case. Who is missing gets another's: the provider
            may write an address in its own way. Without any id it was no yes: None.
    """
    any_id = next(filter(None, ids.values()), None)
    if any_id is None:
        return None
    return {a: Accepted(provider_message_id=ids.get(in_lower(a)) or any_id) for a in to}


def in_lower(address: Address) -> str:
    """Return an address as it was given to the provider, in lower case."""
    return (ascii_form(address) or address).lower()


def idempotency_key(message: Message, who: Addressed) -> str:
    """Return what makes a call the same call: our id, and for whom it is unless for everybody."""
    addresses = sorted(box.address.lower() for box in who.all)
    everybody = {in_lower(address) for address in message.content.recipients}
    if set(addresses) == everybody:
        return str(message.id)
    return f"{message.id}-{sha256(' '.join(addresses).encode()).hexdigest()[:16]}"


def finding(title: str, refusal: Refusal | None, outcome: Outcome) -> Check:
    """Return what the no to an empty mail says of the account."""
    works = f"{title} knows the key, and it may send"
    if refusal is not None:
        match outcome:
            case Refused(blame=Blame.MESSAGE) | Refused(reach=Reach.MESSAGE | Reach.SENDER):
                return _check(CheckResult.WORKS, works)
            case Refused(reach=Reach.ACCOUNT) | Deferred(reach=Reach.ACCOUNT):
                return _check(CheckResult.REFUSED, f"{title} refuses this account: {refusal.words}")
            case _:
                pass
    diagnostic = outcome.diagnostic
    words = diagnostic.text if diagnostic else "an answer that makes no sense"
    return _check(CheckResult.UNREACHABLE, f"{title} does not say whether the key is good: {words}")


def _check(result: CheckResult, detail: str) -> Check:
    return Check(result=result, detail=detail, took=timedelta(0))
