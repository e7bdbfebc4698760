"""Whatever is posted to a door, the answer is a vendor's, and never a bug of ours."""

from __future__ import annotations

import asyncio
import copy
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mail_sender.clock import FakeClock
from tests.api.stack import running

from .speaking import SPEAKING, Json, Speaking

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
_LINES = st.lists(
    st.sampled_from([
        "From: Shop <shop@example.com>", "From: ", "To: ann@example.net, ,", "Subject: =?x?q?=",
        "Content-Type: multipart/mixed; boundary=b", "--b", "--b--", "X-MS-Mode: never", "Bcc: a@b",
        "Content-Transfer-Encoding: base64", "\u00e9: \u00e9", "", "Received: x", "Reply-To: <",
    ]) | st.text(max_size=20),
    max_size=12,
)  # fmt: skip


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for name, each in inner if isinstance(value, dict | list) else ():
        found.append((*path, name))
        if isinstance(each, dict | list):
            found += _places(each, (*path, name))
    return found


def _with(body: Json, place: tuple[Any, ...], value: Any) -> Json:  # noqa: ANN401
    changed = copy.deepcopy(body)
    inner: Any = changed
    for name in place[:-1]:
        inner = inner[name]
    inner[place[-1]] = value
    return changed


async def _answer(speaking: Speaking, journal: Path, body: Json) -> httpx2.Response:
    async with running(journal, claims=False, clock=FakeClock()) as stack:
        content, named = speaking.encoded(body, speaking.path)
        return await speaking.post(stack, content, headers=named)


def _judge(answer: httpx2.Response, speaking: Speaking) -> None:
    assert answer.status_code in {200, 202, 400, 422}, answer.text
    if answer.status_code >= 400:
        assert speaking.words(answer)
        for inner in ("Traceback", "msgspec", "object at 0x", "mail_sender"):
            assert inner not in answer.text


@pytest.mark.parametrize("name", [name for name in SPEAKING if name != "mailgun"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_in_any_field_is_answered(name: str, data: st.DataObject, tmp_path: Path) -> None:
    """A wrong type deep inside is the client's mistake, and is told where it is."""
    speaking = SPEAKING[name]
    place = data.draw(st.sampled_from(_places(speaking.full)))
    body = _with(speaking.full, place, data.draw(_JSON))

    _judge(asyncio.run(_answer(speaking, tmp_path, body)), speaking)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    fields=st.dictionaries(
        st.sampled_from([
            "from", "to", "cc", "subject", "text", "h:Reply-To", "h:X-MS-Mode", "v:a", "o:tag",
            "o:deliverytime", "o:deliver-within", "recipient-variables", "o:testmode", "x",
        ]),
        st.text(max_size=40) | _JSON.map(json.dumps),
    )
)  # fmt: skip
def test_any_form_is_answered(fields: dict[str, str], tmp_path: Path) -> None:
    """Forms have no types at all."""
    speaking = SPEAKING["mailgun"]
    sent = {**speaking.small("Hi"), **fields}

    _judge(asyncio.run(_answer(speaking, tmp_path, sent)), speaking)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=_LINES, end=st.sampled_from(["\r\n", "\n", "\r"]))
def test_any_whole_mail_is_answered(lines: list[str], end: str, tmp_path: Path) -> None:
    """Mails that other programs wrote are the worst of all input."""
    speaking = SPEAKING["ses"]
    raw = end.join(lines).encode("utf-8", "replace")
    body = {
        "Destination": {"ToAddresses": ["ann@example.net"]},
        "Content": {"Raw": {"Data": b64encode(raw).decode()}},
    }

    _judge(asyncio.run(_answer(speaking, tmp_path, body)), speaking)
