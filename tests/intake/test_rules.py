"""The rules of mail: every fault is found, at once, with its place."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mail_sender.domain.errors import InvalidMessage
from mail_sender.domain.message import Attachment, Content, Mode
from mail_sender.intake.rules import Limits, check
from tests.make import NOW, mailboxes, make_content


def pointers(content: Content, limits: Limits | None = None) -> list[str]:
    """Return where the faults are."""
    try:
        check(content, limits=limits or Limits(), now=NOW)
    except InvalidMessage as error:
        return [fault.pointer for fault in error.faults]
    return []


def file(**fields: Any) -> Attachment:  # noqa: ANN401
    """Return an attachment."""
    return Attachment(
        **{"filename": "a.pdf", "content_type": "application/pdf", "content": b"x", **fields}
    )


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"to": ()}, ["/to"]),
        ({"to": [f"a{n}@example.net" for n in range(1001)]}, ["/to"]),
        ({"subject": "a\r\nBcc: eve@example.org"}, ["/subject"]),
        ({"subject": "a\x00b"}, ["/subject"]),
        ({"subject": "a\u2028b"}, ["/subject"]),
        ({"subject": "x" * 999}, ["/subject"]),
        ({"text": None}, ["/text"]),
        ({"text": ""}, ["/text"]),
        ({"text": "a\x00"}, ["/text"]),
        ({"html": "\x00"}, ["/html"]),
        ({"headers": (("Bcc", "eve@example.org"),)}, ["/headers/Bcc"]),
        ({"headers": (("dkim-signature", "x"),)}, ["/headers/dkim-signature"]),
        ({"headers": (("Content-Type", "x"),)}, ["/headers/Content-Type"]),
        ({"headers": (("X-Ms-Id", "x"),)}, ["/headers/X-Ms-Id"]),
        ({"headers": (("X:Y", "x"),)}, ["/headers/X:Y"]),
        ({"headers": (("X/~Y", "a\nb"),)}, ["/headers/X~1~0Y"]),
        ({"headers": (("X-A", "é" * 9000),)}, ["/headers"]),
        ({"tags": ("ok", "not ok")}, ["/tags/1"]),
        ({"tags": tuple(f"t{n}" for n in range(11))}, ["/tags"]),
        ({"metadata": tuple((f"k{n}", "v") for n in range(21))}, ["/metadata"]),
        ({"metadata": (("k", "v" * 4096),)}, ["/metadata"]),
        ({"metadata": (("a/b", "x\ny"),)}, ["/metadata/a~1b"]),
        ({"attachments": (file(filename="../x"),)}, ["/attachments/0/filename"]),
        ({"attachments": (file(), file(filename="a\nb"))}, ["/attachments/1/filename"]),
        ({"attachments": (file(content_type="pdf"),)}, ["/attachments/0/content_type"]),
        ({"attachments": (file(content_id="<a@b>"),)}, ["/attachments/0/content_id"]),
        ({"send_at": NOW + timedelta(days=31)}, ["/send_at"]),
        ({"send_at": NOW, "mode": Mode.SYNC}, ["/send_at"]),
        ({"timeout": timedelta(seconds=5)}, ["/timeout"]),
        ({"timeout": timedelta(seconds=121), "mode": Mode.SYNC}, ["/timeout"]),
        ({"give_up_after": timedelta(0)}, ["/give_up_after"]),
    ],
)
def test_a_fault_is_found_at_its_place(fields: dict[str, Any], where: list[str]) -> None:
    """A client mends what it can see."""
    content = make_content(**{**fields, "to": fields["to"]} if "to" in fields else fields)
    assert pointers(content) == where


def test_all_faults_are_told_at_once() -> None:
    """Nobody wants to find out about five mistakes in five requests."""
    content = make_content(to=(), subject="a\nb", text=None, tags=("!",))
    assert pointers(content) == ["/to", "/subject", "/text", "/tags/0"]


def test_attachments_count_together_against_the_operators_limit() -> None:
    """25 files of a megabyte are as heavy as one of 25."""
    content = make_content(attachments=(file(content=b"x" * 60), file(content=b"x" * 60)))
    assert pointers(content, Limits(max_attachment_bytes=100)) == ["/attachments"]
    assert pointers(content, Limits(max_attachment_bytes=120)) == []


def test_a_mail_with_everything_is_fine() -> None:
    """No rule stands in the way of a rich, honest mail."""
    content = make_content(
        to=("ann@example.net",),
        cc=mailboxes(["用户@例え.テスト"]),
        subject="Übergrößenträger ☃ " * 20,
        html="<p>hi</p>",
        headers=(("List-Unsubscribe", "<https://example.com/u>"), ("X-Long", "w " * 500)),
        tags=("orders",),
        metadata=(("order", "7"),),
        attachments=(file(filename="Rechnung März.pdf", content_id="logo@shop"),),
    )
    assert pointers(content) == []


@pytest.mark.parametrize("line", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\r\n", b"\n.\r\n", b"a\0b\r\n"])
def test_a_whole_mail_has_no_lone_line_ends(line: bytes) -> None:
    """Where two servers disagree on the end of a mail, a second mail can be smuggled past one."""
    raw = b"From: shop@example.com\r\n\r\n"
    assert pointers(make_content(raw=raw + line, text=None)) == ["/raw"]
    assert pointers(make_content(raw=raw, text=None)) == []
