"""The way to the gateway: dead addresses, broken lines, refusals, and what is repeated."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
import time
from pathlib import Path

import pytest

from mail_sender.client import (
    InvalidRequest,
    Mail,
    NoAnswer,
    NotSent,
    OutcomeUnknown,
    TryLater,
)

from .conftest import MakeClient
from .listeners import CUT, HOSTS, Asked, Listener, black_hole, certificate, listening, says, until

MAIL = Mail(to="ann@example.net", subject="Order 7", text="Thank you")
ACCEPTED = says(202, b'{"id":"msg_1","status":"queued"}')
MOVES_ON_WITHIN = 0.3  #: seconds, the promise


def refusal(status: int, code: str, **headers: str) -> bytes:
    body = f'{{"status":{status},"code":"{code}","title":"Words"}}'.encode()
    return says(status, body, **headers)


def silence(_: Asked) -> bytes:
    time.sleep(2)
    return CUT


def keys(*listeners: Listener) -> set[str]:
    return {asked.headers["idempotency-key"] for each in listeners for asked in each.asked}


# ---------------------------------------------------------------- addresses


def test_an_address_that_says_nothing_costs_less_than_300_ms_and_only_once(
    make_client: MakeClient,
) -> None:
    """A host that is gone answers no SYN. Most libraries wait there for seconds, each time."""
    good = Listener(script=[ACCEPTED])
    with listening(good), black_hole(HOSTS[1], good.port), black_hole(HOSTS[2], good.port):
        worst = []
        for _ in range(8):  # the order is shuffled: each address comes first sometimes
            client = make_client(good.url, addresses=HOSTS)
            begun = time.monotonic()
            client.send(MAIL)
            first = time.monotonic() - begun
            begun = time.monotonic()
            client.send(MAIL)
            worst.append((first, time.monotonic() - begun))
            client.close()

    # Two dead ones may stand before the good one: 250 ms each.
    assert max(first for first, _ in worst) < 2 * MOVES_ON_WITHIN
    assert max(second for _, second in worst) < 0.1, "the one that worked is remembered"
    assert len(good.asked) == 16


def test_the_next_address_is_tried_within_300_ms(make_client: MakeClient) -> None:
    """The promise for one dead address, measured where the next one can see it."""
    good = Listener(script=[ACCEPTED])
    with listening(good), black_hole(HOSTS[1], good.port):
        took = []
        for _ in range(8):
            client = make_client(good.url, addresses=HOSTS[:2])
            begun = time.monotonic()
            client.send(MAIL)
            took.append(time.monotonic() - begun)

    assert max(took) < MOVES_ON_WITHIN
    assert max(took) > 0.2, "the dead one came first at least once, and got its quarter second"


def test_an_address_that_refuses_is_left_at_once(make_client: MakeClient) -> None:
    """A daemon that died: its host says so, and nobody needs to wait."""
    good = Listener(script=[ACCEPTED])
    with listening(good):
        took = []
        for _ in range(8):
            client = make_client(good.url, addresses=(HOSTS[1], HOSTS[2], HOSTS[0]))
            begun = time.monotonic()
            client.send(MAIL)
            took.append(time.monotonic() - begun)

    assert max(took) < 0.15
    assert len(good.asked) == 8


def test_an_address_that_dies_is_left_and_not_asked_first_again(make_client: MakeClient) -> None:
    """Every later request would pay for it otherwise."""
    first, second = (Listener(host=host, script=[ACCEPTED]) for host in HOSTS[:2])
    with listening(first, second):
        client = make_client(first.url, addresses=HOSTS[:2])
        client.send(MAIL)
        used, other = (first, second) if first.asked else (second, first)
        used.answer = lambda _: CUT
        client.send(MAIL)
        used.answer = None
        for _ in range(3):
            client.send(MAIL)

    assert len(used.asked) == 2
    assert len(other.asked) == 4


def test_the_name_is_looked_up_by_the_system(make_client: MakeClient) -> None:
    """Without pinned addresses: `localhost`, whatever it stands for here."""
    good = Listener(host="127.0.0.1", script=[ACCEPTED])
    with listening(good):
        client = make_client(f"http://localhost:{good.port}")

        assert client.send(MAIL).id == "msg_1"
    assert good.asked[0].headers["host"] == f"localhost:{good.port}"


def test_a_name_that_does_not_exist_is_told_at_once(make_client: MakeClient) -> None:
    """A typo does not go away by waiting for the deadline."""
    client = make_client("http://no-such-host.invalid", deadline=20.0)
    begun = time.monotonic()
    with pytest.raises(NoAnswer, match="no-such-host") as failed:
        client.send(MAIL)

    if "temporary" not in str(failed.value):  # a machine without any resolver
        assert time.monotonic() - begun < 10
    assert not failed.value.may_have_arrived


# ---------------------------------------------------------------- TLS


def test_the_certificate_must_be_for_the_name_whatever_the_address(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """Addresses come from DNS, which anybody on the way may change; the name is what was meant."""
    context, trusted = certificate(tmp_path, "gateway.test")
    good = Listener(script=[ACCEPTED], tls=context)
    with listening(good):
        client = make_client(
            good.url,
            addresses=HOSTS[:1],
            ssl_context=ssl.create_default_context(cafile=str(trusted)),
        )

        assert client.send(MAIL).id == "msg_1"
        assert client.send(MAIL).id == "msg_1"
    assert good.lines == 1, "a TLS connection is kept as well"


def test_a_wrong_certificate_at_one_address_leads_to_the_next(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """One site forgot to renew; the other still serves. And nothing is sent to the wrong one."""
    right, trusted = certificate(tmp_path, "gateway.test")
    wrong, trusted_too = certificate(tmp_path, "other.test")
    client_context = ssl.create_default_context(cafile=str(trusted))
    client_context.load_verify_locations(cafile=str(trusted_too))
    good = Listener(script=[ACCEPTED], tls=right)
    bad = Listener(host=HOSTS[1], tls=wrong)
    with listening(good, bad):
        for _ in range(6):
            client = make_client(good.url, addresses=HOSTS[:2], ssl_context=client_context)
            assert client.send(MAIL).id == "msg_1"

    assert bad.asked == []
    assert bad.lines >= 1, "it was asked first at least once"


def test_a_wrong_certificate_everywhere_is_told_at_once(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """It does not get better by waiting."""
    wrong, trusted = certificate(tmp_path, "other.test")
    bad = Listener(tls=wrong)
    with listening(bad):
        client = make_client(
            bad.url,
            addresses=HOSTS[:1],
            ssl_context=ssl.create_default_context(cafile=str(trusted)),
            deadline=20.0,
        )
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="certificate is not good") as failed:
            client.send(MAIL)

    assert time.monotonic() - begun < 5
    assert not failed.value.may_have_arrived
    assert bad.asked == []


def test_a_server_that_takes_the_connection_and_speaks_no_tls_is_left(
    make_client: MakeClient, tmp_path: Path
) -> None:
    """A load balancer whose process hangs accepts and says nothing."""
    context, trusted = certificate(tmp_path, "gateway.test")
    good = Listener(script=[ACCEPTED], tls=context)
    plain = Listener(host=HOSTS[1], answer=lambda _: b"")
    with listening(good, plain):
        for _ in range(3):
            client = make_client(
                good.url,
                addresses=HOSTS[:2],
                ssl_context=ssl.create_default_context(cafile=str(trusted)),
                deadline=15.0,
            )
            assert client.send(MAIL).id == "msg_1"


# ---------------------------------------------------------------- lines


def test_a_connection_is_used_again(make_client: MakeClient) -> None:
    """A handshake for each mail would cost more than the mail."""
    good = Listener(script=[ACCEPTED])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        for _ in range(5):
            client.send(MAIL)

    assert (good.lines, len(good.asked)) == (1, 5)


def test_a_connection_that_was_closed_meanwhile_is_not_used(make_client: MakeClient) -> None:
    """A gateway that restarts closes the idle ones; the next request must not stumble."""
    good = Listener(script=[says(202, b'{"id":"msg_1","status":"queued"}', Connection="close")])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        for _ in range(3):
            client.send(MAIL)

    assert (good.lines, len(good.asked)) == (3, 3)


def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next(
    make_client: MakeClient,
) -> None:
    """One answer too many on a kept line would tell every later caller of somebody else's mail."""
    stray = says(202, b'{"id":"msg_stray","status":"queued"}')
    good = Listener(script=[ACCEPTED + stray, ACCEPTED])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        assert [client.send(MAIL).id for _ in range(2)] == ["msg_1"] * 2
        good.push(stray)
        assert client.send(MAIL).id == "msg_1"

    assert good.lines == 3


def test_a_fork_does_not_write_on_the_lines_of_its_parent() -> None:
    """Web servers fork after the application is loaded; answers would be mixed up."""
    from mail_sender.client import Client  # noqa: PLC0415 - only threads fork here

    good = Listener(
        answer=lambda asked: says(202, b'{"id":"%s","status":"q"}' % asked.path[-5:].encode())
    )
    with listening(good), Client(good.url, "k", addresses=HOSTS[:1]) as client:
        client.status("00001")
        child = os.fork()
        if child == 0:
            ok = False
            with contextlib.suppress(Exception):
                ok = client.status("00002").id == "00002"
            os._exit(0 if ok else 1)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert client.status("00003").id == "00003"

    assert good.lines == 2


def test_several_threads_share_a_client() -> None:
    """Web servers have one client for all their threads."""
    from mail_sender.client import Client  # noqa: PLC0415

    good = Listener(
        answer=lambda asked: says(200, b'{"id":"%s","status":"q"}' % asked.path[-5:].encode())
    )
    wrong: list[str] = []

    def ask(client: Client, n: int) -> None:
        for m in range(30):
            id_ = f"{n:02}{m:03}"
            if client.status(id_).id != id_:
                wrong.append(id_)

    with listening(good), Client(good.url, "k", addresses=HOSTS[:1]) as client:
        threads = [threading.Thread(target=ask, args=(client, n)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)

    assert wrong == []
    assert len(good.asked) == 240
    assert good.lines <= 8


# ---------------------------------------------------------------- repeating


def test_a_lost_answer_is_asked_for_again_with_the_same_key_and_body(
    make_client: MakeClient,
) -> None:
    """The first may have been accepted: under the same key the gateway makes no second mail."""
    first, second = (Listener(host=host, script=[CUT, ACCEPTED]) for host in HOSTS[:2])
    with listening(first, second):
        client = make_client(first.url, addresses=HOSTS[:2])
        assert client.send(MAIL).id == "msg_1"

    asked = first.asked + second.asked
    assert len(asked) == 3, "each address was asked before one was asked again"
    assert len(keys(first, second)) == 1
    assert len({each.body for each in asked}) == 1


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_a_proxy_answers_is_tried_at_the_next_address_at_once(
    make_client: MakeClient, status: int
) -> None:
    """The site's HAProxy lives and its daemons are dead: a connection works, so only this helps."""
    bad = Listener(script=[says(status, b"<html>Bad</html>", Connection="close")])
    good = Listener(host=HOSTS[1], script=[ACCEPTED])
    with listening(bad, good):
        took = []
        for _ in range(6):
            client = make_client(bad.url, addresses=HOSTS[:2])
            begun = time.monotonic()
            assert client.send(MAIL).id == "msg_1"
            took.append(time.monotonic() - begun)

    assert bad.asked, "it was asked first at least once"
    assert max(took) < 0.2


def test_retry_after_is_honoured(make_client: MakeClient) -> None:
    """The gateway knows best when it is back; asking sooner only adds to its trouble."""
    good = Listener(script=[refusal(503, "draining", Retry_After="1"), ACCEPTED])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        begun = time.monotonic()
        assert client.send(MAIL).id == "msg_1"

    assert 1.0 <= time.monotonic() - begun < 1.5


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once(make_client: MakeClient) -> None:
    """Waiting for nothing helps nobody; the caller learns when to come back."""
    good = Listener(script=[refusal(503, "queue_full", Retry_After="30")])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1], deadline=3.0)
        begun = time.monotonic()
        with pytest.raises(TryLater) as failed:
            client.send(MAIL)

    assert time.monotonic() - begun < 0.5
    assert failed.value.retry_after == 30
    assert failed.value.code == "queue_full"
    assert failed.value.idempotency_key == good.asked[0].headers["idempotency-key"]


def test_a_rate_limit_is_not_dodged_at_another_address(make_client: MakeClient) -> None:
    """It is about the key, not about the address."""
    first, second = (
        Listener(host=host, script=[refusal(429, "rate_limited", Retry_After="1"), ACCEPTED])
        for host in HOSTS[:2]
    )
    with listening(first, second):
        client = make_client(first.url, addresses=HOSTS[:2])
        begun = time.monotonic()
        assert client.send(MAIL).id == "msg_1"

    assert time.monotonic() - begun >= 1.0
    assert len(first.asked + second.asked) == 2


def test_a_first_request_that_still_runs_is_waited_for(make_client: MakeClient) -> None:
    """After a cut the gateway may still be busy with it: 409 says nothing yet."""
    running = refusal(409, "idempotency_in_progress", Retry_After="1")
    good = Listener(script=[CUT, running, says(200, b'{"id":"msg_1","status":"sent"}')])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])

        assert client.send_now(MAIL).status == "sent"
    assert len(keys(good)) == 1


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [(503, "not_sent", NotSent), (504, "outcome_unknown", OutcomeUnknown)],
)
def test_the_outcome_of_a_sync_mail_is_not_asked_for_again(
    make_client: MakeClient, status: int, code: str, error: type[NotSent]
) -> None:
    """503 and 504, but final: the same key brings the same answer, another one a second mail."""
    body = (
        b'{"status":%d,"code":"%s","id":"msg_1",'
        b'"message":{"id":"msg_1","status":"failed","attempts":[]}}' % (status, code.encode())
    )
    good = Listener(script=[says(status, body)])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        with pytest.raises(error) as failed:
            client.send_now(MAIL)

    assert failed.value.message.id == "msg_1"
    assert len(good.asked) == 1


@pytest.mark.parametrize("answer", [CUT, says(502, b""), says(503, b"")])
def test_a_retry_that_may_have_arrived_is_not_repeated(
    make_client: MakeClient, answer: bytes
) -> None:
    """It has no key: a second one might send once more what the first one sent."""
    good = Listener(script=[answer])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        with pytest.raises((NoAnswer, TryLater)) as failed:
            client.retry("msg_1", risk_duplicate=True)

    assert len(good.asked) == 1
    if isinstance(failed.value, NoAnswer):
        assert failed.value.may_have_arrived


def test_a_retry_that_never_left_is_tried_elsewhere(make_client: MakeClient) -> None:
    """No connection, so nothing was sent: the next address is as good as the first."""
    good = Listener(script=[says(200, b'{"id":"msg_1","status":"queued"}')])
    with listening(good):
        for _ in range(4):
            client = make_client(good.url, addresses=HOSTS)
            client.retry("msg_1")
            client.retry("msg_1")

    assert len(good.asked) == 8
    assert good.lines == 8, "on a line of its own each: a kept one may be closed under it"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422, 500])
def test_a_refusal_is_never_repeated(make_client: MakeClient, status: int) -> None:
    """The same would be refused again."""
    good = Listener(script=[refusal(status, "some_code")])
    with listening(good):
        client = make_client(good.url, addresses=HOSTS[:1])
        with pytest.raises(Exception, match=f"{status} some_code"):
            client.send(MAIL)

    assert len(good.asked) == 1


def test_a_refusal_before_the_whole_request_was_read_is_understood(
    make_client: MakeClient,
) -> None:
    """A file that is too large: the gateway says so and stops reading."""
    ready = threading.Event()

    def refuse() -> None:
        taken, _ = server.accept()
        with taken:
            taken.recv(4096)
            taken.sendall(refusal(413, "too_large", Connection="close"))
            taken.shutdown(socket.SHUT_WR)
            ready.wait(5)

    with socket.create_server((HOSTS[0], 0)) as server:
        thread = threading.Thread(target=refuse)
        thread.start()
        client = make_client(f"http://gateway.test:{server.getsockname()[1]}", addresses=HOSTS[:1])
        threading.Timer(0.5, ready.set).start()
        with pytest.raises((InvalidRequest, NoAnswer)):
            client.send(Mail(to="ann@example.net", text="x" * 8_000_000), deadline=2.0)
        ready.set()
        thread.join(5)


# ---------------------------------------------------------------- deadlines


def test_a_deadline_holds_whatever_happens(make_client: MakeClient) -> None:
    """A caller with a request of its own to answer cannot wait longer."""
    silent = Listener(answer=silence)
    with listening(silent):
        client = make_client(silent.url, addresses=HOSTS)
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="no answer in time") as failed:
            client.send(MAIL, deadline=1.0)
        took = time.monotonic() - begun

    assert 0.9 < took < 1.4
    assert failed.value.may_have_arrived
    assert failed.value.idempotency_key == silent.asked[0].headers["idempotency-key"]


def test_with_nobody_there_it_goes_on_until_the_deadline(make_client: MakeClient) -> None:
    """A restart takes a moment, and a program that sends mail need not know of it."""
    with socket.socket() as taken:
        taken.bind((HOSTS[0], 0))  # bound and not listening: connections are refused
        port = taken.getsockname()[1]
        client = make_client(f"http://gateway.test:{port}", addresses=HOSTS[:1])
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="refused") as failed:
            client.send(MAIL, deadline=1.5)

    assert 0.7 < time.monotonic() - begun <= 1.6
    assert not failed.value.may_have_arrived


def test_a_gateway_that_comes_back_in_time_is_found(make_client: MakeClient) -> None:
    """The usual restart."""
    with socket.socket() as taken:
        taken.bind((HOSTS[0], 0))
        port = taken.getsockname()[1]
    late = Listener(port=port, script=[ACCEPTED])
    timer = threading.Timer(0.7, late.start)
    timer.start()
    client = make_client(f"http://gateway.test:{port}", addresses=HOSTS[:1])

    assert client.send(MAIL).id == "msg_1"
    timer.join()
    late.stop()


def test_a_caller_may_give_up_sooner_where_nobody_can_be_reached(make_client: MakeClient) -> None:
    """A person at a terminal wants to know at once that there is nothing at that address."""
    with socket.socket() as taken:
        taken.bind((HOSTS[0], 0))
        port = taken.getsockname()[1]
        client = make_client(
            f"http://gateway.test:{port}", addresses=HOSTS[:1], reach_within=0.5, deadline=20.0
        )
        begun = time.monotonic()
        with pytest.raises(NoAnswer, match="refused"):
            client.send(MAIL)

    assert time.monotonic() - begun < 1.0


@pytest.mark.parametrize("deadline", [0, -1, 4000, float("nan"), float("inf")])
def test_a_deadline_that_makes_no_sense_is_refused(
    make_client: MakeClient, deadline: float
) -> None:
    """Longer than keys are remembered, a repetition would be a second mail."""
    client = make_client("http://gateway.test")
    with pytest.raises(ValueError, match="deadline"):
        client.send(MAIL, deadline=deadline)


@pytest.mark.parametrize("key", ["ms_live_\nsecret", "ms_live_\u00e9secret"])
def test_a_key_that_cannot_be_written_is_not_quoted(make_client: MakeClient, key: str) -> None:
    """A file with a line end too many: the error goes to a log, and the key must not."""
    client = make_client("http://gateway.test", key)
    with pytest.raises(ValueError, match="characters") as failed:
        client.send(MAIL)

    assert "secret" not in str(failed.value)


@pytest.mark.parametrize(
    "url", ["ftp://gateway.test", "http://", "http://user:pw@gateway.test", ""]
)
def test_what_is_no_address_is_refused_at_once(make_client: MakeClient, url: str) -> None:
    """Not at the first mail, in the middle of the night."""
    with pytest.raises(ValueError, match="not the address of a gateway"):
        make_client(url)


def test_a_path_before_v1_is_kept(make_client: MakeClient) -> None:
    """A gateway behind a proxy that gives it a part of its own name."""
    good = Listener(script=[ACCEPTED])
    with listening(good):
        client = make_client(f"{good.url}/mail/", addresses=HOSTS[:1])
        client.send(MAIL)

    until(lambda: len(good.asked) == 1)
    assert good.asked[0].path == "/mail/v1/messages"
