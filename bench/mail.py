"""The mail that every contestant sends: 2 KB of JSON with a text and an html body."""

from __future__ import annotations

TEXT = "Thank you for your order. " * 30
HTML = "<p>Thank you for your <b>order</b>.</p>" * 24
MAIL = {
    "from": "Shop <shop@example.com>",
    "to": ["Ann <ann@example.net>"],
    "subject": "Your order 1234567",
    "text": TEXT,
    "html": HTML,
    "tags": ["orders"],
    "metadata": {"order": "1234567"},
}
#: The same as Postmark's API takes it: the call that is measured when the provider is asked alone.
POSTMARK_MAIL = {
    "From": MAIL["from"],
    "To": "Ann <ann@example.net>",
    "Subject": MAIL["subject"],
    "TextBody": TEXT,
    "HtmlBody": HTML,
    "Tag": "orders",
    "Metadata": MAIL["metadata"],
}
