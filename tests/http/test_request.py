"""What goes onto the wire, and what never does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.http.call import Request
from mail_sender.http.request import Origin, wire_form


def post(url: str = "http://esp.test/send", **headers: str) -> Request:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method="POST", url=url, headers=fields, body=b"{}")


def test_a_request_is_written_as_rfc_9112_wants_it() -> None:
    """Byte for byte: a signature may have been made over this."""
    request = Request(
        method="POST",
        url="https://api.esp.test/v3/send?mode=a%20b&x",
        headers={"Content-Type": "application/json", "X-Key": "k\xfcß\t1"},
        body=b"1234567890",
    )

    origin, head = wire_form(request)

    assert origin == Origin(tls=True, host="api.esp.test", port=443)
    assert head == (
        b"POST /v3/send?mode=a%20b&x HTTP/1.1\r\n"
        b"Host: api.esp.test\r\n"
        b"Content-Type: application/json\r\n"
        b"X-Key: k\xfc\xdf\t1\r\n"
        b"Accept-Encoding: identity\r\n"
        b"User-Agent: mail-sender\r\n"
        b"Content-Length: 10\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("url", "host", "origin"),
    [
        ("http://esp.test", "esp.test", Origin(tls=False, host="esp.test", port=80)),
        ("http://ESP.test:80/", "esp.test", Origin(tls=False, host="esp.test", port=80)),
        ("http://esp.test:443/", "esp.test:443", Origin(tls=False, host="esp.test", port=443)),
        ("https://esp.test:443/", "esp.test", Origin(tls=True, host="esp.test", port=443)),
        ("https://esp.test:80/", "esp.test:80", Origin(tls=True, host="esp.test", port=80)),
        ("http://127.0.0.1:8/", "127.0.0.1:8", Origin(tls=False, host="127.0.0.1", port=8)),
        ("http://[::1]/", "[::1]", Origin(tls=False, host="::1", port=80)),
        (
            "https://[2001:DB8::1]:8/",
            "[2001:db8::1]:8",
            Origin(tls=True, host="2001:db8::1", port=8),
        ),
    ],
)
def test_the_host_field_names_what_the_url_names(url: str, host: str, origin: Origin) -> None:
    """Virtual hosts and signatures depend on it; the default port is left out."""
    found, head = wire_form(post(url))

    assert found == origin
    assert f"\r\nHost: {host}\r\n".encode() in head
    assert head.startswith(b"POST / HTTP/1.1\r\n")


def test_a_fragment_stays_at_home() -> None:
    """RFC 9110 section 7.1: the target has none."""
    _, head = wire_form(post("http://esp.test/a?b#c"))

    assert head.startswith(b"POST /a?b HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("method", "says_length"),
    [("GET", False), ("DELETE", False), ("POST", True), ("PUT", True), ("PATCH", True)],
)
def test_an_empty_body_has_a_length_where_one_is_expected(method: str, says_length: bool) -> None:
    """Servers answer 411 to a POST without a length, and some wait for a GET's body."""
    _, head = wire_form(Request(method=method, url="http://esp.test/"))

    assert (b"\r\nContent-Length: 0\r\n" in head) == says_length
    assert head.endswith(b"\r\n\r\n")


def test_the_callers_own_choices_are_kept() -> None:
    """Twice the same field would leave the choice to the far side."""
    _, head = wire_form(post(user_agent="acme/1", ACCEPT_ENCODING="gzip"))

    assert head.lower().count(b"user-agent:") == 1
    assert head.lower().count(b"accept-encoding:") == 1
    assert b"user-agent: acme/1\r\n" in head


_FORBIDDEN = "\r\n\x00"


@settings(deadline=None)
@given(st.text(min_size=1), st.sampled_from([*_FORBIDDEN, "\r\n", "\u0100", "\u2028", "\x1b"]))
def test_no_header_value_can_end_its_line(text: str, bad: str) -> None:
    """A display name from a request of ours must not become a header of its own."""
    for value in (bad + text, text + bad, text[:1] + bad + text[1:]):
        with pytest.raises(ValueError, match="header X-Name has a character that cannot be sent"):
            wire_form(post(X_Name=value))


@settings(deadline=None)
@given(st.text())
def test_whatever_a_header_value_is_the_head_has_the_same_lines(text: str) -> None:
    """The only characters that matter to the grammar are the ones refused."""
    try:
        _, head = wire_form(post(X_Name=text))
    except ValueError:
        return
    lines = head.split(b"\r\n")
    assert len(lines) == 8
    assert lines[2] == b"X-Name: " + text.encode("latin-1")
    assert b"\n" not in b"".join(lines)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "ä", "a\x00", "a\n", "(a)"])
def test_no_header_name_is_more_than_a_name(name: str) -> None:
    """RFC 9110 section 5.1: a token, or the rest of it is read as something else."""
    with pytest.raises(ValueError, match="header name"):
        wire_form(Request(method="POST", url="http://esp.test/", headers={name: "x"}))


@pytest.mark.parametrize(
    "name", ["Host", "content-length", "Transfer-Encoding", "CONNECTION", "Expect", "Upgrade"]
)
def test_headers_that_frame_the_request_are_ours(name: str) -> None:
    """Two lengths are a request smuggled past whoever reads the other one."""
    with pytest.raises(ValueError, match="only the client may write"):
        wire_form(Request(method="POST", url="http://esp.test/", headers={name: "1"}))


@pytest.mark.parametrize("method", ["", "GET ", "G T", "GET\r\nX: y", "HEAD", "CONNECT", "PÖST"])
def test_a_method_is_a_token_with_a_usual_answer(method: str) -> None:
    """The answers to HEAD and CONNECT are framed in another way and would be misread."""
    with pytest.raises(ValueError, match="method"):
        wire_form(Request(method=method, url="http://esp.test/"))


@pytest.mark.parametrize(
    "url",
    [
        *("", "/send", "esp.test/send", "//esp.test/", "ftp://esp.test/", "http:///send"),
        *("http://esp.test/a b", "http://esp.test/a\r\nX: y", "http://esp.test/\n", "\nhttp://e/"),
        *("http://esp.test/\x00", "http://esp.test/ü", "http://ü.test/", "http://esp.test:x/"),
        *("http://esp.test:99999/", "http://[::1/", "http://[fe80::1%25eth0]/", "http://a\\b/"),
        *("http://a;b/", "http://a,b/", "http://exa%6dple/"),
    ],
)
def test_a_url_that_is_none_is_refused(url: str) -> None:
    """Half-read, it would lead a mail and its key to another place."""
    with pytest.raises(ValueError, match=r"."):
        wire_form(post(url))


def test_no_error_repeats_a_secret() -> None:
    """Errors end up in logs, keys must not."""
    for request in (
        post("http://user:s3cret@esp.test/"),
        post("http://esp.test/?key=s3cret\n"),
        post(Authorization="s3cret\n"),
    ):
        with pytest.raises(ValueError, match=r".") as raised:
            wire_form(request)
        assert "s3cret" not in str(raised.value)
