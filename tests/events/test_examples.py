"""The receivers in docs/webhooks.md do what the page says of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from mail_sender.config import WebhooksConfig
from mail_sender.domain.secret import Secret
from mail_sender.domain.webhook import DeliveryId
from mail_sender.events.schedule import WAITS
from mail_sender.events.signature import new_secret, signed_headers
from tests.requirements import need

PAGE = Path("docs/webhooks.md").read_text(encoding="utf-8")
BODY = '{"type":"message.sent","data":{"message_id":"msg_1","subject":"Grüße"}}'.encode()


def example(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


def signed(*secrets: Secret, at: datetime | None = None) -> dict[str, str]:
    return signed_headers(DeliveryId("dlv_1"), BODY, at=at or datetime.now(UTC), secrets=secrets)


def test_the_python_receiver_takes_an_event_once_and_refuses_a_forged_one() -> None:
    """People copy it."""
    names: dict[str, Any] = {}
    exec(example("python"), names)  # noqa: S102 - our own page
    secret, other, seen = new_secret(), new_secret(), set[str]()

    statuses = [
        names["receive"](signed(secret), BODY, secret.reveal(), seen),
        names["receive"](signed(secret), BODY, secret.reveal(), seen),
        names["receive"](signed(other), BODY, secret.reveal(), seen),
    ]

    assert statuses == [204, 204, 401]
    assert seen == {"dlv_1"}


def test_the_javascript_receiver_takes_an_event_and_refuses_forged_and_old_ones(
    tmp_path: Path,
) -> None:
    """With both signatures while secrets are changed."""
    node = shutil.which("node")
    need(node, "Node.js")
    secret, other = new_secret(), new_secret()
    long_ago = datetime.now(UTC) - timedelta(minutes=6)
    cases = [signed(secret), signed(other, secret), signed(other), signed(secret, at=long_ago)]
    script = tmp_path / "receiver.mjs"
    script.write_text(
        example("javascript")
        + f"const body = {json.dumps(BODY.decode())};\n"
        + f"for (const headers of {json.dumps(cases)})\n"
        + f'  console.log(receive(headers, body, "{secret.reveal()}")?.data.subject ?? null);\n',
        encoding="utf-8",
    )

    ended = subprocess.run([str(node), script], check=True, capture_output=True, text=True)

    assert ended.stdout.split() == ["Grüße", "Grüße", "null", "null"]


def test_the_page_has_the_schedule_and_the_defaults_of_the_code() -> None:
    """Receivers are built after it."""
    (row,) = re.findall(r"^\| after the one before \| at once \| (.*) \|$", PAGE, re.MULTILINE)
    units = {"s": "seconds", "min": "minutes", "h": "hours"}
    waits = [timedelta(**{units[unit]: int(n)}) for n, unit in re.findall(r"(\d+) (\w+)", row)]

    assert tuple(waits) == WAITS
    assert WebhooksConfig().timeout == timedelta(seconds=15)
    assert WebhooksConfig().pause_after == timedelta(days=3)
