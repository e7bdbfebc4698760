"""SMTP sessions: opened, secured, logged in, kept and closed, or not."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop

from mail_sender.domain.errors import ConfigError
from mail_sender.domain.outcome import Accepted, Blame, Deferred, Reach, Refused, Unknown
from mail_sender.domain.secret import Secret
from mail_sender.providers.port import CheckResult
from mail_sender.providers.smtp import Settings, make
from mail_sender.providers.smtp_connection import Tls

from ..http.authority import Authority
from ..make import mailboxes, make_message
from .smtp_far_side import Act, FarSide, Manners
from .smtp_relay import (
    LARGE_TEXT,
    SOON,
    NoHttp,
    answering,
    outcomes_of,
    provider_at,
    relay,
    send,
    until,
)
from .tools import make_tools

# --- opening -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "greeting",
    [
        ("421 4.3.2 too busy",),
        ("554 5.7.1 no service",),
        (Act.CLOSE,),
        (Act.SILENCE,),
        ("SSH-2.0-OpenSSH",),
    ],
)
async def test_a_server_that_does_not_greet_us_is_tried_later(greeting: tuple[Any, ...]) -> None:
    """Nothing was sent, and no recipient is to blame."""
    (outcome,) = await outcomes_of(Manners(greeting=greeting), command_timeout=SOON)

    assert isinstance(outcome, Deferred)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.CALL)


async def test_a_server_that_is_not_there_is_tried_later() -> None:
    """Connection refused: the next provider is asked at once."""
    async with FarSide() as far_side:
        port = far_side.port
    (outcome,) = await send(provider_at(port), make_message())

    assert isinstance(outcome, Deferred)
    assert outcome.diagnostic.text == "connection refused"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "x" * 64 + ".invalid", "a..b"])
async def test_a_name_that_does_not_exist_is_tried_later(host: str) -> None:
    """DNS fails now and then; the words tell when it is a typing error."""
    provider = provider_at(25, host=host)
    (outcome,) = await send(provider, make_message())
    check = await provider.check()

    assert isinstance(outcome, Deferred)
    assert "host name" in outcome.diagnostic.text
    assert check.result is CheckResult.UNREACHABLE


async def test_an_ehlo_that_is_refused_is_about_our_own_name() -> None:
    """A person must set `hostname` right; until then other providers are asked."""
    (outcome,) = await outcomes_of(answering(EHLO="550 5.7.1 helo rejected"))

    assert isinstance(outcome, Refused)
    assert outcome.reach is Reach.ACCOUNT


# --- TLS ---------------------------------------------------------------------------------


def secure(authority: Authority, *names: str, **manners: Any) -> Manners:  # noqa: ANN401
    """Return manners with a certificate, and STARTTLS on offer."""
    context = authority.server_context(*(names or ("localhost",)))
    return Manners(**{"tls": context, "offers": ("STARTTLS", "PIPELINING"), **manners})


def over_tls(authority: Authority, tls: Tls = Tls.STARTTLS, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    """Return settings for it."""
    return {"host": "localhost", "tls": tls, "ca_file": str(authority.ca_file), **settings}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def test_starttls_secures_the_session_and_forgets_what_was_said_before(
    authority: Authority,
) -> None:
    """RFC 3207 section 4.2: what an attacker offered in clear is worth nothing."""
    manners = secure(
        authority,
        offers=("STARTTLS", "SIZE 10", "AUTH XTRAP"),
        offers_in_tls=("AUTH PLAIN", "PIPELINING"),
    )
    settings = over_tls(authority, username="ann", password=Secret("s3cret"))
    async with relay(manners, **settings) as (far_side, provider):
        (outcome,) = await send(provider, make_message())
        check = await provider.check()

    assert isinstance(outcome, Accepted)
    assert far_side.sessions[0].commands[:4] == [
        "EHLO mail.example.com",
        "STARTTLS",
        "EHLO mail.example.com",
        "AUTH PLAIN AGFubgBzM2NyZXQ=",
    ]
    assert provider.capabilities.max_message_bytes is None
    assert check.result is CheckResult.WORKS
    assert "TLSv1.3" in check.detail


async def test_implicit_tls_begins_with_tls(authority: Authority) -> None:
    """RFC 8314: port 465; the greeting itself is already secret."""
    manners = secure(authority, implicit_tls=True)
    async with relay(manners, **over_tls(authority, Tls.IMPLICIT)) as (_, provider):
        (outcome,) = await send(provider, make_message(text=LARGE_TEXT))

    assert isinstance(outcome, Accepted)


async def test_a_server_without_starttls_never_sees_the_mail(authority: Authority) -> None:
    """Somebody on the way may have taken the offer away, to read along."""
    manners = Manners(offers=("AUTH PLAIN",))
    settings = over_tls(authority, username="ann", password=Secret("s3cret"))
    async with relay(manners, **settings) as (far_side, provider):
        (outcome,) = await send(provider, make_message())
        check = await provider.check()

    assert isinstance(outcome, Deferred)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.ACCOUNT)
    assert far_side.commands == ["EHLO mail.example.com"] * 2
    assert check.result is CheckResult.REFUSED


@pytest.mark.parametrize(
    ("reply", "reach"),
    [("454 4.7.0 TLS not available", Reach.CALL), ("502 5.5.1 no", Reach.ACCOUNT)],
)
async def test_starttls_that_is_refused_is_not_gone_without(
    authority: Authority, reply: str, reach: Reach
) -> None:
    """There is no falling back to clear text."""
    manners = secure(authority, answers={"STARTTLS": [(reply,)]})
    async with relay(manners, **over_tls(authority)) as (far_side, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Deferred)
    assert outcome.reach is reach
    assert far_side.mails == []


async def test_replies_smuggled_in_before_the_handshake_are_thrown_away(
    authority: Authority,
) -> None:
    """CVE-2011-0411 from the client's side: clear text must not answer secret commands."""
    smuggled = "220 ready\r\n250-evil\r\n250 AUTH XTRAP\r\n250 Ok\r\n250 Ok"
    manners = secure(authority, answers={"STARTTLS": [(smuggled,)]})
    async with relay(manners, **over_tls(authority)) as (far_side, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert len(far_side.mails) == 1


@pytest.mark.parametrize("tls", [Tls.STARTTLS, Tls.IMPLICIT])
async def test_a_certificate_for_another_name_keeps_the_mail_here(
    authority: Authority, tls: Tls
) -> None:
    """It waits: the mail is not lost, and the account is left out until a person looked."""
    manners = secure(authority, "elsewhere.test", implicit_tls=tls is Tls.IMPLICIT)
    async with relay(manners, **over_tls(authority, tls)) as (far_side, provider):
        (outcome,) = await send(provider, make_message())
        check = await provider.check()

    assert isinstance(outcome, Deferred)
    assert outcome.reach is Reach.ACCOUNT
    assert outcome.diagnostic.text.startswith("certificate not trusted: ")
    assert far_side.mails == []
    assert check.result is CheckResult.REFUSED


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(authority: Authority) -> None:
    """Without `ca_file` only the machine's authorities count."""
    manners = secure(authority)
    async with relay(manners, host="localhost", tls=Tls.STARTTLS) as (_, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Deferred)
    assert "certificate not trusted" in outcome.diagnostic.text


@pytest.mark.parametrize("greeting", [("220 in clear",), (Act.SILENCE,), (Act.CLOSE,)])
async def test_a_handshake_that_fails_is_tried_later(
    authority: Authority, greeting: tuple[Any, ...]
) -> None:
    """The wrong port, or a server that stalls."""
    settings = over_tls(authority, Tls.IMPLICIT, connect_timeout=SOON)
    async with relay(Manners(greeting=greeting), **settings) as (_, provider):
        (outcome,) = await send(provider, make_message())
        check = await provider.check()

    assert isinstance(outcome, Deferred)
    assert outcome.reach is Reach.CALL
    assert "TLS" in outcome.diagnostic.text or "the server" in outcome.diagnostic.text
    assert check.result is CheckResult.UNREACHABLE


@pytest.mark.parametrize("final", [(Act.DROP,), (Act.CLOSE,)])
async def test_after_the_dot_nobody_knows_over_tls_either(
    authority: Authority, final: tuple[Any, ...]
) -> None:
    """A close_notify is no answer."""
    manners = secure(authority, final=[final])
    async with relay(manners, **over_tls(authority)) as (_, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Unknown)


async def test_a_line_that_breaks_before_the_dot_means_not_accepted_over_tls_either(
    authority: Authority,
) -> None:
    """The dot waits until the kernel has everything, encrypted octets included."""
    manners = secure(authority, body_limit=100_000)
    async with relay(manners, **over_tls(authority)) as (far_side, provider):
        (outcome,) = await send(provider, make_message(text=LARGE_TEXT))

    assert isinstance(outcome, Deferred)
    assert far_side.mails == []


async def test_a_server_that_ends_tls_in_good_order_is_not_kept_waiting(
    authority: Authority,
) -> None:
    """It waits for us to close, half a minute with some programs, and counts us meanwhile."""
    async with relay(secure(authority), **over_tls(authority)) as (far_side, provider):
        await send(provider, make_message())
        far_side.hang_up()
        async with asyncio.timeout(10):
            await far_side.sessions[0].closed.wait()
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert len(far_side.sessions) == 2


# --- logging in --------------------------------------------------------------------------

LOGIN: dict[str, Any] = {"username": "ann", "password": Secret("s3cret")}


async def test_login_is_used_where_plain_is_not_offered() -> None:
    """Old servers know nothing else."""
    answers = {
        "AUTH LOGIN": [("334 VXNlcm5hbWU6",)],
        "YW5u": [("334 UGFzc3dvcmQ6",)],
        "czNjcmV0": [("235 2.7.0 ok",)],
    }
    manners = Manners(offers=("AUTH=LOGIN",), answers=answers)
    (outcome,) = await outcomes_of(manners, **LOGIN)

    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("code", [535, 534, 538, 530, 525, 500, 504])
async def test_a_login_that_is_refused_keeps_the_whole_account_from_use(code: int) -> None:
    """A wrong password fails every mail: one is enough to know."""
    manners = Manners(offers=("AUTH PLAIN",), answers={"AUTH": [(f"{code} 5.7.8 bad",)]})
    (outcome,) = await outcomes_of(manners, **LOGIN)

    assert isinstance(outcome, Refused)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.ACCOUNT)


@pytest.mark.parametrize(
    "reply",
    [
        "454 4.7.0 Temporary authentication failure",
        "432 4.7.12 A password transition is needed",
        "421 4.7.0 bye",
        "535 5.7.8 Too many connections per account",
        "535 5.7.0 Temporary failure, try again later",
    ],
)
async def test_a_server_too_busy_for_a_login_is_tried_later(reply: str) -> None:
    """Some say 535 for it; the account must not be left out for that."""
    manners = Manners(offers=("AUTH PLAIN",), answers={"AUTH": [(reply,)]})
    (outcome,) = await outcomes_of(manners, **LOGIN)

    assert isinstance(outcome, Deferred)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.CALL)


async def test_a_server_that_offers_no_known_mechanism_is_a_matter_for_a_person() -> None:
    """The words say what it does offer."""
    async with relay(Manners(offers=("AUTH GSSAPI",)), **LOGIN) as (_, provider):
        (outcome,) = await send(provider, make_message())
        check = await provider.check()

    assert isinstance(outcome, Refused)
    assert outcome.reach is Reach.ACCOUNT
    assert "GSSAPI" in outcome.diagnostic.text
    assert check.result is CheckResult.REFUSED


@pytest.mark.parametrize("code", ["535 5.7.8", "421 4.7.0"])
async def test_a_password_that_the_server_repeats_does_not_get_into_a_diagnostic(
    code: str,
) -> None:
    """Diagnostics go to clients, logs and the timeline."""
    said = f"{code} cannot read 'AUTH PLAIN AGFubgBzM2NyZXQ=' s3cret czNjcmV0"
    manners = Manners(offers=("AUTH PLAIN",), answers={"AUTH": [(said,)]})
    async with relay(manners, **LOGIN) as (_, provider):
        (outcome,) = await send(provider, make_message())
        check = await provider.check()

    for words in (repr(outcome), check.detail):
        assert "AGFubgBzM2NyZXQ=" not in words
        assert "s3cret" not in words
        assert "czNjcmV0" not in words
        assert "cannot read" in words


def test_a_password_never_goes_in_clear_to_another_machine() -> None:
    """Refused at start-up, before anything listens on the way."""
    with pytest.raises(ValueError, match="in clear"):
        Settings(kind="smtp", host="relay.test", tls=Tls.NONE, **LOGIN)
    for host in ("localhost", "127.0.0.1", "::1"):
        Settings(kind="smtp", host=host, tls=Tls.NONE, **LOGIN)


def test_a_user_name_without_its_password_is_a_mistake() -> None:
    """The mail would go out without logging in, or not at all."""
    with pytest.raises(ValueError, match="belong together"):
        Settings(kind="smtp", host="relay.test", username="ann")


@pytest.mark.parametrize(
    ("tls", "port"), [(Tls.STARTTLS, 587), (Tls.IMPLICIT, 465), (Tls.NONE, 25)]
)
async def test_the_port_follows_from_tls(tls: Tls, port: int) -> None:
    """As RFC 8314 section 3.3 and RFC 6409 have them."""
    settings = Settings(kind="smtp", host="127.0.0.1", tls=tls, connect_timeout=SOON)
    check = await make("relay", settings, make_tools(NoHttp())).check()

    assert f"127.0.0.1 port {port} " in check.detail


def test_a_ca_file_that_cannot_be_read_stops_the_start() -> None:
    """Better than trusting nobody at the first mail."""
    settings = Settings(kind="smtp", host="relay.test", ca_file="/nonexistent.pem")
    with pytest.raises(ConfigError, match=r"providers\.relay\.ca_file"):
        make("relay", settings, make_tools(NoHttp()))


# --- what the server offers --------------------------------------------------------------


async def test_a_mail_larger_than_the_server_takes_is_not_sent_there() -> None:
    """The first one is stopped before MAIL, later ones before the provider is asked."""
    large = make_message(text="x" * 5000)
    async with relay(Manners(offers=("SIZE 2000",))) as (far_side, provider):
        before = provider.cannot_express(large)
        (outcome,) = await send(provider, large)
        after = provider.cannot_express(large)
        small = provider.cannot_express(make_message())
        assert provider.capabilities.max_message_bytes == 2000

    assert isinstance(outcome, Refused)
    assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.MESSAGE)
    assert before is None
    assert after == "this server takes mails of 2000 bytes at most"
    assert small is None
    assert far_side.commands == ["EHLO mail.example.com", "QUIT"]


@pytest.mark.parametrize("offer", ["SIZE", "SIZE 0", "SIZE many", "SIZE " + "9" * 30])
async def test_no_size_is_no_limit(offer: str) -> None:
    """RFC 1870 section 4: zero or nothing means that there is no fixed one."""
    async with relay(Manners(offers=(offer,))) as (_, provider):
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert provider.capabilities.max_message_bytes is None


async def test_an_address_that_is_not_ascii_goes_where_smtputf8_is_offered() -> None:
    """RFC 6531 section 3.4: MAIL says so, and the headers are UTF-8."""
    message = make_message(to=("änn@example.net",))
    async with relay(Manners(offers=("SMTPUTF8", "8BITMIME"))) as (far_side, provider):
        (outcome,) = await send(provider, message)
        assert provider.cannot_express(message) is None
        assert provider.capabilities.smtputf8

    assert isinstance(outcome, Accepted)
    assert "MAIL FROM:<shop@example.com> BODY=8BITMIME SMTPUTF8" in far_side.commands
    assert "RCPT TO:<änn@example.net>" in far_side.commands
    assert "\r\nTo: änn@example.net\r\n".encode() in far_side.mails[0]


async def test_an_address_that_is_not_ascii_goes_nowhere_else() -> None:
    """Another provider may be able to; this one is known not to be from then on."""
    message = make_message(bcc=mailboxes(["änn@example.net"]))
    async with relay(Manners(offers=("PIPELINING",))) as (far_side, provider):
        assert provider.cannot_express(message) is None
        ann, odd = await send(provider, message)
        assert provider.cannot_express(message) is not None
        assert not provider.capabilities.smtputf8
        assert provider.cannot_express(make_message()) is None

    for outcome in (ann, odd):
        assert isinstance(outcome, Refused)
        assert (outcome.blame, outcome.reach) == (Blame.PROVIDER, Reach.MESSAGE)
    assert not any(command.startswith("MAIL") for command in far_side.commands)


async def test_more_recipients_than_a_message_may_have_are_not_tried() -> None:
    """Decided without I/O, so that `explain` can say it."""
    many = make_message(to=tuple(f"r{n}@example.net" for n in range(1001)))
    assert provider_at(1).cannot_express(many) == "a mail has 1000 recipients at most"


# --- connections -------------------------------------------------------------------------


async def test_the_next_mail_goes_over_the_same_connection() -> None:
    """TLS and login cost more than the mail; RSET makes sure that nothing is left over."""
    async with relay() as (far_side, provider):
        await send(provider, make_message())
        await send(provider, make_message())

    (session,) = far_side.sessions
    assert [command[:4] for command in session.commands] == [
        *("EHLO", "MAIL", "RCPT", "DATA"),
        *("RSET", "MAIL", "RCPT", "DATA"),
        "QUIT",
    ]


@pytest.mark.parametrize("offers", [("PIPELINING",), ("8BITMIME",)])
@pytest.mark.parametrize("verb", ["RSET", "MAIL", "RCPT", "DATA"])
@pytest.mark.parametrize("act", ["421 4.4.2 idle too long", Act.DROP, Act.CLOSE])
async def test_a_kept_connection_that_turns_out_dead_is_replaced_once(
    offers: tuple[str, ...],
    verb: str,
    act: Any,  # noqa: ANN401
) -> None:
    """Nothing was sent, so it is no failure of the provider: not even a log line's worth."""
    async with relay(Manners(offers=offers)) as (far_side, provider):
        await send(provider, make_message())
        answer = (act, Act.CLOSE) if isinstance(act, str) else (act,)
        fine = ("354 go",) if verb == "DATA" else ("250 Ok",)
        far_side.manners.answers = {verb: [answer, fine]}
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert len(far_side.sessions) == 2
    assert len(far_side.mails) == 2


async def test_a_server_that_throws_us_out_twice_is_not_asked_a_third_time() -> None:
    """Repeating is the queue's business, with its pauses and its end."""
    async with relay() as (far_side, provider):
        await send(provider, make_message())
        far_side.manners.answers = {"MAIL": [("421 4.7.0 go away",)]}
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Deferred)
    assert outcome.diagnostic.text == "4.7.0 go away"
    assert len(far_side.sessions) == 2


async def test_a_dead_connection_that_cannot_be_replaced_defers_the_mail() -> None:
    """The server went down between two mails: nothing was sent of the second."""
    async with relay() as (far_side, provider):
        await send(provider, make_message())
        await far_side.stop()
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Deferred)
    assert outcome.diagnostic.text == "connection refused"


async def test_a_connection_that_cannot_be_reset_is_not_used() -> None:
    """What is left of the last transaction would mix with this one."""
    async with relay() as (far_side, provider):
        await send(provider, make_message())
        far_side.manners.answers = {"RSET": [("503 5.5.1 no",)]}
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Accepted)
    assert len(far_side.sessions) == 2


async def test_a_connection_is_not_replaced_once_the_mail_was_begun() -> None:
    """After the first octet of the mail, trying again is not this layer's to decide."""
    async with relay() as (far_side, provider):
        await send(provider, make_message())
        far_side.manners.final = [(Act.DROP,)]
        (outcome,) = await send(provider, make_message())

    assert isinstance(outcome, Unknown)
    assert len(far_side.sessions) == 1


async def test_a_connection_that_stays_idle_is_closed() -> None:
    """Relays count connections; one that carries nothing takes another's place."""
    async with relay(idle_timeout=timedelta(milliseconds=50)) as (far_side, provider):
        await send(provider, make_message())
        async with asyncio.timeout(10):
            await far_side.sessions[0].ended.wait()

    assert far_side.sessions[0].commands[-1] == "QUIT"


async def test_a_connection_carries_so_many_mails_and_no_more() -> None:
    """Many relays drop a session after a hundred mails; ours goes before it is dropped."""
    async with relay(messages_per_connection=2) as (far_side, provider):
        for _ in range(5):
            await send(provider, make_message())

    assert [len(session.mails) for session in far_side.sessions] == [2, 2, 1]


async def test_there_are_never_more_connections_than_allowed() -> None:
    """Ten at a time is a common rule, and breaking it gets an account blocked."""
    async with relay(max_connections=2) as (far_side, provider):
        sends = [send(provider, make_message()) for _ in range(20)]
        outcomes = await asyncio.gather(*sends)

    assert all(isinstance(outcome, Accepted) for (outcome,) in outcomes)
    assert len(far_side.sessions) == 2


async def test_waiting_for_a_connection_ends_in_time() -> None:
    """A relay that hangs must not hold up mails that another provider could take."""
    manners = Manners(final=[(Act.SILENCE,)])
    async with relay(manners, max_connections=1, connect_timeout=SOON) as (far_side, provider):
        hanging = asyncio.ensure_future(send(provider, make_message()))
        await until(lambda: far_side.mails != [])
        (outcome,) = await send(provider, make_message())
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)

    assert isinstance(outcome, Deferred)
    assert outcome.diagnostic.text == "all connections are busy for 0.2 s"


async def test_check_sends_no_mail_and_says_what_it_found() -> None:
    """An operator asks before going live."""
    async with relay(Manners(offers=("SIZE 35882577",))) as (far_side, provider):
        check = await provider.check()

    assert check.result is CheckResult.WORKS
    assert check.detail == (
        f"127.0.0.1 port {far_side.port} answers 250 2.0.0 Ok; without TLS; "
        "without logging in; mails of 35882577 bytes at most"
    )
    assert far_side.commands == ["EHLO mail.example.com", "NOOP", "QUIT"]


async def test_check_tells_a_refusal_from_silence() -> None:
    """The one is for the operator to repair, the other perhaps for nobody."""
    async with relay(answering(NOOP="502 5.5.1 no")) as (_, provider):
        refused = await provider.check()
    async with relay(Manners(answers={"NOOP": [(Act.DROP,)]})) as (_, provider):
        broken = await provider.check()

    assert refused.result is CheckResult.REFUSED
    assert broken.result is CheckResult.UNREACHABLE


def test_all_of_it_works_on_uvloop(tmp_path: Path) -> None:
    """The loop of the product: its transports are not asyncio's."""
    authority = Authority(tmp_path)

    async def main() -> None:
        for act in (Act.DROP, Act.CLOSE):
            manners = secure(authority, final=[("250 Ok",), (act,)])
            async with relay(manners, **over_tls(authority)) as (far_side, provider):
                (large,) = await send(provider, make_message(text=LARGE_TEXT))
                (unknown,) = await send(provider, make_message())
                assert isinstance(large, Accepted)
                assert isinstance(unknown, Unknown)
            manners = Manners(body_limit=100_000, at_limit=(act,))
            async with relay(manners) as (far_side, provider):
                (deferred,) = await send(provider, make_message(text=LARGE_TEXT))
                assert isinstance(deferred, Deferred)
                assert far_side.mails == []

    _run(main())
    gc.collect()  # an unclosed transport would warn here


def _run(main: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main)
