"""docs/client.md: its examples, run one after the other as a reader would paste them."""

from __future__ import annotations

import logging
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mail_sender.client import Client, Mail
from mail_sender.client.django import Settings
from tests.demo import Demo, running_demo

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Return the gateway that `make run` starts."""
    with running_demo(tmp_path_factory.mktemp("page")) as running:
        yield running


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_examples_do_what_the_page_says(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the page, each with what those before it left."""
    here: dict[str, Any] = {}
    for block in blocks():
        code = block.replace("https://mail.example.com", demo.url).replace("ms_live_...", demo.key)
        if ".events(" in code:
            code = code.replace("after=None", f"after={newest(demo)!r}")
        exec(compile(code, "docs/client.md", "exec"), here)  # noqa: S102 - that is the test

    assert here["receive"]({}, b"", "whsec_aaaa") == 401
    said = capsys.readouterr().out
    assert re.search(r"^msg_\w+ queued$", said, re.MULTILINE)
    assert "taken by ses" in said
    assert re.search(r"^bea@example.net 202 msg_\w+$", said, re.MULTILINE)
    assert "3 mails" in said
    assert re.search(r"^evt_\d+ message.sent msg_\w+$", said, re.MULTILINE)
    here["client"].close()
    (handler,) = (h for h in logging.getLogger().handlers if type(h).__name__ == "MailHandler")
    logging.getLogger().removeHandler(handler)
    handler.close()
    assert "the payment service does not answer" in subjects(demo)


def newest(demo: Demo) -> str:
    """Return an event behind which something has happened, so that the example ends."""
    with Client(demo.url, demo.key) as client:
        answer = client.request("GET", "/v1/events", query={"limit": 1, "order": "oldest_first"})
        client.send(Mail(to="ann@example.net", sender="shop@example.com", text="x"))
        return str(msgspec.json.decode(answer.body)["data"][0]["id"])


def subjects(demo: Demo) -> str:
    with Client(demo.url, demo.key) as client:
        answer = client.request("GET", "/v1/messages", query={"limit": 20})
        return str([each["subject"] for each in msgspec.json.decode(answer.body)["data"]])


def test_the_settings_of_django_are_those_of_the_page() -> None:
    """A key that the page names and nothing reads would be refused."""
    named = re.findall(r"`([A-Z_]+)`", PAGE[PAGE.index("| key of") : PAGE.index("Everything of")])

    assert {field.encode_name for field in msgspec.structs.fields(Settings)} == {*named} - {
        "MAIL_SENDER"
    }


def test_the_client_alone_needs_nothing_but_msgspec(tmp_path: Path) -> None:
    """What `pip install ./clients/python` brings, in an interpreter that has nothing else."""
    for name in ("clients/python/pyproject.toml", "src/mail_sender/__init__.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "src/mail_sender/client", tmp_path / "src/mail_sender/client")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--no-index", "--wheel-dir", tmp_path,
         tmp_path / "clients/python"],
        check=True, timeout=120,
    )  # fmt: skip
    (wheel,) = tmp_path.glob("mail_sender_client-*.whl")
    with zipfile.ZipFile(wheel) as opened:
        names = [name for name in opened.namelist() if ".dist-info" not in name]
        opened.extractall(tmp_path / "alone")
    shutil.copytree(Path(msgspec.__file__).parent, tmp_path / "alone" / "msgspec")

    assert {name.split("/")[1] for name in names} == {"__init__.py", "client"}
    assert "mail_sender/client/py.typed" in names
    code = "import sys; sys.path.append(sys.argv[1]); import mail_sender.client as c; c.Client"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, tmp_path / "alone"], check=True)
