"""Programs that we did not write as clients of the SMTP door: swaks, Postfix, nodemailer.

Each is changed by address and key alone. Debian's packages `swaks`, `postfix` (as root, its own
service need not run), `libsasl2-modules` and `libnet-ssleay-perl`.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from email import message_from_bytes
from pathlib import Path

import pytest

from bench.postfix import is_there, postfix
from tests.demo import running_demo
from tests.requirements import need

from .standing import Standing, standing

MAIL = (
    b"From: Cron <cron@example.com>\nTo: ann@example.net\nSubject: Report\n"
    b"X-MS-Tag: cron\n\n.hidden dot\nGr\xc3\xbc\xc3\x9fe\n"
)


async def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a program beside the gateway and return what it said."""
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=cwd, capture_output=True, timeout=60, check=False
    )
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said
    return said


@pytest.mark.parametrize(
    ("way", "mechanism"),
    [("--tls", "PLAIN"), ("--tls", "LOGIN"), ("--tls-on-connect", "PLAIN")],
)
async def test_swaks_sends_in_every_way_of_tls_and_login(
    tmp_path: Path, way: str, mechanism: str
) -> None:
    """It shows each line of the conversation, which is how operators look for a mistake."""
    need(_swaks_is_there(), "swaks with TLS (Debian packages swaks, libnet-ssleay-perl)")
    async with standing(tmp_path) as it:
        port = it.tls_port if way == "--tls-on-connect" else it.port
        said = await run(
            "swaks", "--server", "127.0.0.1", "--port", str(port), way, "--auth", mechanism,
            "--auth-user", "app", "--auth-password", it.key, "--from", "shop@example.com",
            "--to", "ann@example.net,bob@example.net", "--header", "X-MS-Tag: swaks",
            "--pipeline",
        )  # fmt: skip
        reply = next(line for line in said.splitlines() if "queued as" in line)
        record = await it.record(reply)
    assert record.message.content.recipients == ("ann@example.net", "bob@example.net")
    assert record.message.content.tags == ("swaks",)


_NODE = Path(__file__).parent.parent / "node"
_NODEMAILER = """
const { createTransport } = require("nodemailer");
const { readFileSync } = require("node:fs");
const [port, key, ca] = process.argv.slice(1);
const transport = createTransport({
  host: "localhost", port: Number(port), requireTLS: true, pool: true,
  auth: { user: "app", pass: key }, tls: { ca: readFileSync(ca) },
});
const mail = {
  from: "Shop <shop@example.com>", to: "Ann <ann@example.net>", bcc: "bob@example.net",
  subject: "Übergrößen", text: "Text ä\\n.\\n", html: "<p>HTML ä</p>",
  attachments: [{ filename: "Rechnung.pdf", content: Buffer.from("%PDF-1.7") }],
  headers: { "X-MS-Metadata": JSON.stringify({ order: "7" }) },
  dsn: { id: "order-7", return: "headers", notify: ["failure"], recipient: "shop@example.com" },
};
Promise.all([1, 2, 3].map(() => transport.sendMail(mail))).then((sent) => {
  console.log(sent.map((each) => each.response).join("\\n"));
  transport.close();
});
"""


async def test_nodemailer_sends_everything_that_it_has(tmp_path: Path) -> None:
    """Most programs on Node.js that send mail send it with this."""
    need(shutil.which("node"), "node: needs Node.js")
    need((_NODE / "node_modules" / "nodemailer").exists(), "nodemailer: run npm ci in tests/node")
    async with standing(tmp_path) as it:
        said = await run(
            "node", "-e", _NODEMAILER, str(it.port), it.key, tmp_path / "ca.pem", cwd=_NODE
        )
        records = [await it.record(line) for line in said.splitlines() if "queued as" in line]
        arrived = await it.arrived(3)
    assert len(records) == 3
    assert records[0].message.content.metadata == (("order", "7"),)
    contents = arrived[0].read()
    assert arrived[0].recipients == ("ann@example.net", "bob@example.net")
    assert (contents.subject, contents.bcc) == ("Übergrößen", ())
    assert (contents.text or "").splitlines() == ["Text ä", "."]
    assert contents.html == "<p>HTML ä</p>"
    assert [(file.filename, file.content) for file in contents.attachments] == [
        ("Rechnung.pdf", b"%PDF-1.7")
    ]


@pytest.mark.parametrize("setting", ["LOGIN_IN_CLEAR", "SELF_SIGNED"])
def test_the_line_that_a_trial_prints_can_be_pasted(tmp_path: Path, setting: str) -> None:
    """A newcomer sends the first mail by SMTP within a minute, with nothing to look up."""
    need(_swaks_is_there(), "swaks with TLS (Debian packages swaks, libnet-ssleay-perl)")
    more = {"MAIL_SENDER_SMTP_LISTEN": "127.0.0.1:0", f"MAIL_SENDER_SMTP_{setting}": "true"}
    with running_demo(tmp_path, more=more, lines_said=4) as demo:
        line = demo.announced[3].removeprefix("smtp: ")
        done = subprocess.run(line, shell=True, capture_output=True, check=False, timeout=60)  # noqa: S602
    said = (done.stdout + done.stderr).decode(errors="replace")
    assert done.returncode == 0, said
    assert "250 2.0.0 Ok: queued as msg_" in said
    assert ("TLS started" in said) == (setting == "SELF_SIGNED")


async def test_a_postfix_with_us_as_its_smart_host_hands_everything_over(tmp_path: Path) -> None:
    """The usual way in which a machine's own mail, and its old programs', reaches a gateway."""
    need(is_there(), "Postfix and root (Debian package postfix)")
    need(_sasl_is_there(), "SASL plug-ins (Debian package libsasl2-modules)")
    async with standing(tmp_path) as it:
        passwords = Path("/tmp") / f"sasl-{os.getpid()}"  # noqa: S108 - its user cannot read ours
        passwords.write_text(f"[127.0.0.1]:{it.port} app:{it.key}\n")
        ca_file = passwords.with_suffix(".pem")
        shutil.copy(tmp_path / "ca.pem", ca_file)
        try:
            await asyncio.to_thread(_through_postfix, it, passwords, ca_file)
            arrived = await it.arrived(20)
        finally:
            passwords.unlink()
            ca_file.unlink()
    assert len(arrived) == 20
    assert {mail.mail_from for mail in arrived} == {"cron@example.com"}
    assert all(mail.recipients == ("ann@example.net",) for mail in arrived)
    read = message_from_bytes(arrived[0].raw)
    assert read["Subject"] == "Report"
    assert read["X-MS-Tag"] is None
    assert "by postfix.test (Postfix" in read["Received"]
    assert read.get_payload(decode=True) == ".hidden dot\r\nGrüße\r\n".encode()


def _through_postfix(it: Standing, passwords: Path, ca_file: Path) -> None:
    with postfix(
        relayhost=f"[127.0.0.1]:{it.port}",
        smtp_sasl_auth_enable="yes",
        smtp_sasl_password_maps=f"texthash:{passwords}",
        smtp_sasl_security_options="noanonymous",
        smtp_tls_security_level="secure",
        smtp_tls_secure_cert_match="127.0.0.1",
        smtp_tls_CAfile=ca_file,
    ) as relay:
        for _ in range(20):
            relay.send(MAIL, "cron@example.com", "ann@example.net")
        for _ in range(300):
            if relay.log.count("status=sent (250 2.0.0 Ok: queued as msg_") == 20:
                return
            time.sleep(0.1)
        raise AssertionError(relay.log + relay.queue)


def _swaks_is_there() -> bool:
    if shutil.which("swaks") is None:
        return False
    able = subprocess.run(["swaks", "--support"], capture_output=True, check=False, timeout=30)
    return b"=== TLS supported" in able.stdout


def _sasl_is_there() -> bool:
    return any(Path("/usr/lib").glob("*/sasl2/libplain.so*"))


async def test_every_mail_that_smtp_source_was_told_250_for_arrives(tmp_path: Path) -> None:
    """Postfix's own load generator, 32 sessions at once, which logs in nowhere."""
    need(shutil.which("smtp-source"), "smtp-source (Debian package postfix)")
    store = f"sqlite:///{tmp_path}/mail.db"
    async with standing(tmp_path, store=store) as it:
        key = it.key
    async with standing(tmp_path, store=store, smtp_local_key=key) as it:
        await run(
            "smtp-source", "-s", "32", "-m", "500", "-l", "3000", "-f", "a@example.com",
            "-t", "b@example.net", "-N", f"127.0.0.1:{it.port}",
        )  # fmt: skip
        arrived = await it.arrived(500)
    assert len(arrived) == 500
