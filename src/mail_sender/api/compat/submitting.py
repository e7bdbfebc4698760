"""From a vendor's door into the intake: the same as `POST /v1/messages`, in the vendor's manners.

Neighbours: vendors' files make the `Content`; `intake` has every rule. Clients' libraries repeat
requests by themselves, and a vendor's API has no key for that, or another one than ours: here each
mail gets one. It is made of what the library keeps the same over its repetitions, where there is
such a thing, else of the mail itself, which then counts for a short time only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...domain.errors import MailSenderError
from ...domain.message import Content, Mode
from ...domain.status import RecipientStatus
from ...intake.intake import ClientKey, Submission, Verdict
from ...store.codec import encode_content, fingerprint
from .refusal import Reason, Refusal, refusal_of
from .vendor import Visit
from .wishes import Wishes, wishes_of

_SAID = {
    Verdict.MESSAGE_REFUSED: (
        Reason.MESSAGE_REFUSED,
        "No provider will take this message. Nothing will be sent.",
    ),
    Verdict.NOT_SENT: (Reason.NOT_SENT, "Every provider failed. Nothing will be sent later."),
    Verdict.OUTCOME_UNKNOWN: (
        Reason.OUTCOME_UNKNOWN,
        "The time is up and a provider may have it. The gateway goes on finding out.",
    ),
}


async def take(visit: Visit, content: Content) -> Submission:
    """Take one mail: durable when this returns; with `X-MS-Mode: sync` a provider has it.

    Raises:
        Refusal, MailSenderError: Nothing was accepted, or (sync) it was not sent.
    """
    wishes, content = _wished(visit, content, is_alone=True)
    key = _key(visit, wishes, content, 0)
    submission = await visit.services.intake.submit(content, key=visit.key, idempotency_key=key)
    if submission.verdict in _SAID:
        reason, words = _SAID[submission.verdict]
        raise Refusal(
            reason, " ".join((words, *_attempts(submission))), headers=headers_of(submission)
        )
    return submission


async def take_all(visit: Visit, contents: Sequence[Content]) -> list[Submission]:
    """Take several mails of one request in one commit: all of them, or none.

    Raises:
        Refusal, MailSenderError: As `take`.
    """
    if len(contents) == 1:
        return [await take(visit, contents[0])]
    most = _MANY * visit.services.policy.max_request_bytes
    if sum(_size_of(content) for content in contents) > most:
        words = f"{len(contents)} copies of this mail are too much for one request."
        raise Refusal(Reason.TOO_LARGE, words)
    taken = []
    for result in await _take_many(visit, contents, are_bound=True):
        if isinstance(result, Refusal):
            raise result
        taken.append(result)
    return taken


async def take_each(visit: Visit, items: Sequence[Content | Refusal]) -> list[Submission | Refusal]:
    """Take a batch in one commit; each mail stands or falls alone.

    Raises:
        MailSenderError: None was accepted.
    """
    readable = [item for item in items if isinstance(item, Content)]
    results = iter(await _take_many(visit, readable, are_bound=False) if readable else ())
    return [next(results) if isinstance(item, Content) else item for item in items]


def why_not(visit: Visit, content: Content) -> Refusal | None:
    """Return why a mail would not be accepted now; None: it would."""
    try:
        visit.services.intake.prepare(content, key=visit.key)
    except MailSenderError as error:
        return visit.vendor.in_their_names(refusal_of(error))
    return None


def headers_of(submission: Submission) -> dict[str, str]:
    """Return the header fields of an answer: our id, and whether it is an earlier answer."""
    headers: dict[str, str] = {"X-MS-Message-Id": submission.record.message.id}
    if submission.replayed:
        headers["Idempotency-Replayed"] = "true"
    return headers


# ---------------------------------------------------------------- inside

_MANY = 5  #: a request that is many mails may be so many times as large as one that is one


def _size_of(content: Content) -> int:
    bodies = len(content.text or "") + len(content.html or "") + len(content.raw or b"")
    return bodies + sum(len(file.content) for file in content.attachments)


async def _take_many(
    visit: Visit, contents: Iterable[Content], *, are_bound: bool
) -> list[Submission | Refusal]:
    """Take several; those that are bound are all looked at before the first is kept."""
    items: list[tuple[Content | MailSenderError, ClientKey | None]] = []
    for place, content in enumerate(contents):
        wishes, changed = _wished(visit, content, is_alone=False)
        if are_bound:
            visit.services.intake.prepare(changed, key=visit.key)
        items.append((changed, _key(visit, wishes, changed, place)))
    results = await visit.services.intake.submit_many(items, key=visit.key)
    return [_result(visit, result) for result in results]


def _result(visit: Visit, result: Submission | MailSenderError) -> Submission | Refusal:
    if isinstance(result, MailSenderError):
        return visit.vendor.in_their_names(refusal_of(result))
    return result


def _wished(visit: Visit, content: Content, *, is_alone: bool) -> tuple[Wishes, Content]:
    wishes, headers = wishes_of(visit.request.headers, content.headers)
    if not is_alone and wishes.mode is Mode.SYNC:
        raise Refusal(Reason.UNSUPPORTED, "X-MS-Mode: several mails at once are taken async only")
    may_wait = is_alone and content.send_at is None
    by_default = visit.services.policy.compat.mode if may_wait else Mode.ASYNC
    return wishes, replace(
        content,
        headers=headers,
        mode=wishes.mode or by_default,
        timeout=wishes.timeout,
        route=wishes.route or content.route,
        priority=wishes.priority or content.priority,
        on_unknown=wishes.on_unknown,
        give_up_after=wishes.give_up_after or content.give_up_after,
    )


def _key(visit: Visit, wishes: Wishes, content: Content, place: int) -> ClientKey | None:
    """Return a mail's idempotency key.

    Args:
        visit: Whose request may name a key for all of its mails.
        wishes: Of the mail, which may name its own.
        content: The mail, which is known by itself where nobody names a key.
        place: Of the mail in the request.
    """
    name = visit.vendor.name
    given = (
        visit.request.headers.get("idempotency-key")
        or wishes.idempotency_key
        or visit.vendor.repeats(visit.request)
    )
    if given is not None:
        hashed = hashlib.sha256(given.encode()).hexdigest()
        return ClientKey(f"{name}:{hashed}:{place}")
    window = visit.services.policy.compat.repeat_window
    if not window:
        return None
    same = fingerprint(encode_content(content)).hex()
    return ClientKey(f"{name}:same:{same}:{place}", window)


def _attempts(submission: Submission) -> Iterable[str]:
    """Say what each provider answered, and who is on the suppression list."""
    for attempt in submission.record.attempts[:10]:
        yield f"{attempt.provider}: {attempt.outcome}, {attempt.detail}."
    for recipient in submission.record.recipients[:10]:
        if recipient.status is RecipientStatus.SUPPRESSED:
            yield f"{recipient.address} is {recipient.detail}."
