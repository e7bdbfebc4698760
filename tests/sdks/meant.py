"""The mail that every library is given, and whether what arrived says the same.

Libraries and vendors differ in how they name a mail's parts, not in what a person reads of it.
"""

from __future__ import annotations

from base64 import b64decode
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

PDF = b"%PDF-1.4\xff\xfe the invoice"
PNG = b"\x89PNG\r\n\x1a\n the logo"

MEANT: dict[str, Any] = {
    "from": {"address": "shop@example.com", "name": "Shop, Ltd. é"},
    "to": [
        {"address": "ann@example.net", "name": "Ann"},
        {"address": "bob@example.net", "name": ""},
    ],
    "cc": [{"address": "cid@example.org", "name": "Cíd"}],
    "bcc": [{"address": "dan@example.org", "name": ""}],
    "reply_to": [{"address": "help@example.com", "name": "Help"}],
    "subject": "Über 日本 order 7",
    "text": "Grüße ☃ and thanks.",
    "html": '<p>Thanks ☃ <img src="cid:logo.png"></p>',
    "headers": {"X-App": "shop"},
    "files": [
        {"name": "inv.pdf", "type": "application/pdf", "content": PDF.hex(), "cid": None},
        {"name": "logo.png", "type": "image/png", "content": PNG.hex(), "cid": "logo.png"},
    ],
}


def said(mail: dict[str, Any]) -> dict[str, Any]:
    """Return what an imitated provider got, in the form of `MEANT`."""
    contents = mail["contents"]
    [sender] = contents["from"]
    return {
        "from": sender,
        **{name: contents[name] for name in ("to", "cc", "reply_to")},
        "bcc": _blind(mail),
        "subject": contents["subject"],
        "text": contents["text"].replace("\r\n", "\n").rstrip(),
        "html": contents["html"].rstrip(),
        "headers": {
            header["name"]: header["value"]
            for header in contents["headers"]
            if header["name"] in MEANT["headers"]
        },
        "files": [
            {
                "name": file["filename"],
                "type": file["content_type"].partition(";")[0],
                "content": _hex(file["content"]),
                "cid": file["content_id"] if file["disposition"] == "inline" else None,
            }
            for file in sorted(contents["attachments"], key=lambda file: str(file["filename"]))
        ],
    }


def labelled(mail: dict[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Return the tags and metadata that Mailgun got, without what is ours."""
    contents = mail["contents"]
    ours = {"ms_id", "tags"}
    return contents["tags"], {
        name.removeprefix("meta_"): value
        for name, value in contents["metadata"].items()
        if name not in ours
    }


def _blind(mail: dict[str, Any]) -> list[dict[str, str]]:
    """Return who got it and is not named: an envelope has no names, a field for them might."""
    contents = mail["contents"]
    named = [box["address"] for name in ("to", "cc") for box in contents[name]]
    return [
        {"address": address, "name": ""} for address in mail["recipients"] if address not in named
    ]


def _hex(text: str) -> str:
    return b64decode(text).hex()


def as_text(box: dict[str, str]) -> str:
    """Return a mailbox as most libraries want it."""
    if not box["name"]:
        return box["address"]
    return f'"{box["name"]}" <{box["address"]}>'


def texts(name: str) -> list[str]:
    """Return the mailboxes of one field of `MEANT`."""
    return [as_text(box) for box in MEANT[name]]


def whole_mail() -> bytes:
    """Return `MEANT` as the standard library writes it, with line ends of this system."""
    mail = EmailMessage()
    for field, name in (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Bcc", "bcc"),
                        ("Reply-To", "reply_to")):  # fmt: skip
        boxes = MEANT[name] if isinstance(MEANT[name], list) else [MEANT[name]]
        mail[field] = [Address(box["name"], addr_spec=box["address"]) for box in boxes]
    mail["Subject"] = MEANT["subject"]
    mail["X-App"] = "shop"
    mail.set_content(MEANT["text"])
    mail.add_alternative(MEANT["html"], subtype="html")
    for file in MEANT["files"]:
        content, (main, sub) = bytes.fromhex(file["content"]), file["type"].split("/")
        if file["cid"]:
            html = mail.get_body(("html",))
            assert html is not None
            html.add_related(
                content,
                main,
                sub,
                cid=f"<{file['cid']}>",
                filename=file["name"],
                disposition="inline",
            )
        else:
            mail.add_attachment(content, main, sub, filename=file["name"])
    return mail.as_bytes()
