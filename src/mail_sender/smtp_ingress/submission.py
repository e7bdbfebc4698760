"""From an envelope and a mail to a durable message, and to the reply that says so.

Neighbours: `connection` brings what came in, `mime` reads the mail, `controls` what its header
says to us, `intake` keeps it. What nobody expected is `451 4.3.0`: the client has the mail still,
and comes again.
"""

from __future__ import annotations

from ..domain.errors import MailSenderError
from ..domain.message import Content, Mailbox
from ..intake.intake import Intake, Submission, Verdict
from ..mime import content_of_mail
from ..mime.head import read_head
from ..observability import maillog
from . import replies
from .controls import is_control, read_controls
from .steps import Envelope

_SMALL_PRINT = 200  #: characters of a provider's words that a reply has room for


async def submit(intake: Intake, envelope: Envelope, mail: bytes) -> str:
    """Take a mail and return the reply: 250 only when it is durable. Raises nothing of ours."""
    try:
        content, idempotency_key = message_in(envelope, mail)
        submission = await intake.submit(content, key=envelope.key, idempotency_key=idempotency_key)
    except MailSenderError as error:
        return replies.refusal_of(error)
    except Exception as error:  # noqa: BLE001 - a bug of ours is no reason to give a mail up
        maillog.bug("smtp", error)
        return replies.OUR_FAULT
    return reply_of(submission)


def message_in(envelope: Envelope, mail: bytes) -> tuple[Content, str | None]:
    """Return the message, and its idempotency key if it has one.

    Raises:
        InvalidMessage: The mail, or what it says to us, breaks a rule.
    """
    head = read_head(mail)
    controls = read_controls(head.fields)
    content = content_of_mail(
        mail,
        recipients=[Mailbox(address) for address in envelope.recipients],
        mail_from=envelope.mail_from,
        head=head,
        also_dropped=is_control,
    )
    return controls.added_to(content), controls.idempotency_key


def reply_of(submission: Submission) -> str:
    """Return the reply for a message that is durable.

    A synchronous one was tried by now. 4yz and 5yz make its client responsible for it again,
    which is right only where nothing will be sent later; one whose outcome nobody knows stays
    ours.
    """
    id_ = submission.record.message.id
    match submission.verdict:
        case Verdict.ACCEPTED:
            return f"250 2.0.0 Ok: queued as {id_}"
        case Verdict.SENT:
            return f"250 2.0.0 Ok: sent as {id_}"
        case Verdict.OUTCOME_UNKNOWN:
            return f"250 2.0.0 Ok: taken as {id_}, its outcome is not known yet"
        case Verdict.MESSAGE_REFUSED:
            return replies.said("550 5.0.0", f"Not sent ({id_}): {_last_words(submission)}")
        case Verdict.NOT_SENT:
            return replies.said("451 4.0.0", f"Not sent ({id_}): {_last_words(submission)}")


def _last_words(submission: Submission) -> str:
    record = submission.record
    said = [*(r.detail for r in record.recipients), *(a.detail for a in record.attempts)]
    return next((words[:_SMALL_PRINT] for words in reversed(said) if words), "nobody takes it")
