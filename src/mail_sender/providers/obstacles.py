"""What a provider's API has no place for, in words: reasons to pass it over before any call.

Neighbours: the JSON providers pick what applies to them, in `cannot_express`. Pure.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..domain.message import Content, Disposition


def first_of(reasons: Iterable[str | None]) -> str | None:
    """Return the first reason there is; None when nothing stands in the way."""
    return next((reason for reason in reasons if reason), None)


def no_to(content: Content, title: str) -> str | None:
    """Return that it needs somebody in To."""
    return None if content.to else f"{title} needs somebody in To, and this mail has nobody there"


def several_reply_to(content: Content, title: str) -> str | None:
    """Return that it has room for one Reply-To."""
    if len(content.reply_to) > 1:
        return f"{title} takes one Reply-To, this mail has {len(content.reply_to)}"
    return None


def no_subject(content: Content, title: str) -> str | None:
    """Return that it wants a subject."""
    return None if content.subject else f"{title} takes no mail without a subject"


def no_body(content: Content, title: str) -> str | None:
    """Return that it wants a text that is not empty."""
    return None if content.text or content.html else f"{title} takes no mail without a text"


def repeated_header(content: Content, title: str) -> str | None:
    """Return that a header can stand there once only."""
    seen: set[str] = set()
    for name, _ in content.headers:
        if name.lower() in seen:
            return f"{title} takes each header once, this mail has several {name}"
        seen.add(name.lower())
    return None


def kept_header(content: Content, title: str, kept: Container[str]) -> str | None:
    """Return that it keeps a header for itself; `kept` has the names in lower case."""
    for name, _ in content.headers:
        if name.lower() in kept:
            return f"{title} does not take the header {name}"
    return None


def inline_file(content: Content, title: str) -> str | None:
    """Return that it has no inline parts."""
    if any(file.disposition is Disposition.INLINE for file in content.attachments):
        return f"{title} takes no inline images"
    return None


def inline_without_id(content: Content, title: str) -> str | None:
    """Return that an inline part needs a Content-ID there."""
    for file in content.attachments:
        if file.disposition is Disposition.INLINE and not file.content_id:
            return f"{title} takes no inline file without a Content-ID, such as {file.filename}"
    return None


def template_code(texts: Iterable[str | None], title: str) -> str | None:
    """Return that it may take braces in an ordinary text for its own code."""
    if any(text and "{{" in text for text in texts):
        return f"{title} would read {{{{…}}}} in this mail as its own template language"
    return None
