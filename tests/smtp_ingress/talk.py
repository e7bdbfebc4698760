"""A conversation with a dialogue, without a socket: say octets, read replies, see what was done."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from collections.abc import Callable

from mail_sender.domain.message import KeyId
from mail_sender.smtp_ingress.dialogue import Dialogue
from mail_sender.smtp_ingress.limits import Budget, Limits
from mail_sender.smtp_ingress.steps import Close, LogIn, StartTls, Step, Submit, Terms
from mail_sender.store.port import ApiKey, Scope
from tests.make import NOW

KEY = ApiKey(
    id=KeyId("key_1"), name="app", is_test=False, scopes=frozenset({Scope.SEND}), created_at=NOW
)
GOOD = "ms_live_good"
MAIL = b"From: shop@example.com\r\nSubject: Hi\r\n\r\nHello\r\n"


def plain(secret: str = GOOD, name: str = "app") -> bytes:
    """Return AUTH PLAIN with its initial response."""
    return b"AUTH PLAIN " + b64encode(f"\0{name}\0{secret}".encode()) + b"\r\n"


class Talk:
    """A client and the world behind one dialogue.

    Attributes:
        mails: Envelope and octets of what was submitted.
        steps: Everything that the dialogue wanted done.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        budget: Budget | None = None,
        answer: Callable[[Submit], str] = lambda _: "250 2.0.0 Ok: queued as msg_1",
        **terms: object,
    ) -> None:
        self.limits = limits or Limits()
        self.budget = budget or Budget(self.limits.max_buffered_bytes)
        self.mails: list[Submit] = []
        self.steps: list[Step] = []
        self.is_over = False
        self._answer = answer
        given = Terms(hostname="mx.example.com", offers_tls=True)
        self.dialogue = Dialogue(
            dataclasses.replace(given, **terms),  # type: ignore[arg-type]
            self.limits,
            self.budget,
        )
        self.greeting = self.say(b"")

    def say(self, octets: bytes) -> list[str]:
        """Say something and return the replies, line by line."""
        heard = b""
        if not self.is_over:
            self.dialogue.receive(octets)
        while not self.is_over:
            step = self.dialogue.advance()
            heard += self.dialogue.replies()
            if step is None:
                break
            self.steps.append(step)
            self._carry_out(step)
        return heard.decode("ascii").splitlines()

    def one(self, octets: bytes) -> str:
        """Say one command and return its only reply line."""
        (reply,) = self.say(octets)
        return reply

    def _carry_out(self, step: Step) -> None:
        match step:
            case StartTls():
                self.dialogue.handshake_begins()
                self.dialogue.secured()
            case LogIn(secret=secret):
                if secret == GOOD:
                    self.dialogue.logged_in(KEY)
                else:
                    self.dialogue.not_logged_in("535 5.7.8 no", counts=True)
            case Submit():
                self.mails.append(step)
                self.dialogue.submitted(self._answer(step))
            case Close():
                self.is_over = True


def logged_in(**terms: object) -> Talk:
    """Return a conversation after STARTTLS, EHLO and a good login."""
    talk = Talk(is_secure=True, **terms)  # type: ignore[arg-type]
    talk.say(b"EHLO client\r\n" + plain())
    return talk


def envelope(talk: Talk, *recipients: str) -> None:
    """Begin a transaction."""
    talk.say(b"MAIL FROM:<shop@example.com>\r\n")
    for recipient in recipients or ("ann@example.net",):
        talk.say(f"RCPT TO:<{recipient}>\r\n".encode())
