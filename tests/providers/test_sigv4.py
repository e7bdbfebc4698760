"""AWS Signature Version 4: the fact sheet's vector, and botocore's own signer as the judge."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from unittest.mock import patch

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotoCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from mail_sender.domain.secret import Secret
from mail_sender.providers.http import Request
from mail_sender.providers.sigv4 import Credentials, Signer

KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
VECTOR_BODY = (
    b'{"FromEmailAddress": "a@example.com", "Destination": {"ToAddresses": ["b@example.net"]}, '
    b'"Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}}}'
)
VECTOR_SIGNATURE = "cd0435ee67755f9edd25a096606e906f7e2624189102b62debd134e5e78619d6"


def signer(*, region: str = "us-east-1", token: str | None = None) -> Signer:
    credentials = Credentials(
        access_key_id=KEY_ID,
        secret_access_key=Secret(SECRET),
        session_token=Secret(token) if token else None,
    )
    return Signer(credentials, region=region, service="ses")


def judged_by_botocore(
    request: Request, *, now: datetime, region: str, token: str | None
) -> dict[str, str]:
    """Return the headers that botocore would send for the same request at the same time."""
    theirs = AWSRequest(
        method=request.method, url=request.url, headers=dict(request.headers), data=request.body
    )
    with patch("botocore.auth.get_current_datetime", return_value=now):
        SigV4Auth(BotoCredentials(KEY_ID, SECRET, token), "ses", region).add_auth(theirs)
    return dict(theirs.headers.items())


def test_the_known_vector_gives_the_known_signature() -> None:
    """It was computed twice, by botocore and by hand: a fixed point that no library moves."""
    request = Request(
        method="POST",
        url="https://email.us-east-1.amazonaws.com/v2/email/outbound-emails",
        headers={"Content-Type": "application/json"},
        body=VECTOR_BODY,
    )

    signed = signer().sign(request, now=datetime(2026, 11, 24, 2, 15, 58, tzinfo=UTC))

    assert signed.headers["X-Amz-Date"] == "20261124T021558Z"
    assert signed.headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20261124/us-east-1/ses/aws4_request, "
        f"SignedHeaders=content-type;host;x-amz-date, Signature={VECTOR_SIGNATURE}"
    )


_UNRESERVED = "abcXYZ019-_.~"
_segments = st.text(_UNRESERVED, min_size=1).filter(lambda s: s not in {".", ".."})
_escapes = st.sampled_from(["%40", "%2B", "%25", "%C3%BC", "%2F"])
_paths = st.lists(st.lists(_segments | _escapes, min_size=1).map("".join)).map("/".join)
_queries = st.lists(
    st.tuples(st.text(_UNRESERVED, min_size=1), st.sampled_from(["", "=", "=1", "=%20b", "=a"]))
).map(lambda pairs: "&".join(name + value for name, value in pairs))
_hosts = st.sampled_from(
    ["email.eu-west-1.amazonaws.com", "127.0.0.1:5000", "[::1]:80", "[::1]:8080", "SES.example:443"]
)


@settings(deadline=None, max_examples=300)
@given(
    scheme=st.sampled_from(["http", "https"]),
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    host=_hosts,
    path=_paths,
    query=_queries,
    body=st.binary(max_size=200),
    values=st.dictionaries(
        st.sampled_from(["Content-Type", "Accept", "X-Amz-Z", "X-a"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126)),
    ),
    token=st.none() | st.just("FwoGZXIvYXdzE+/=="),
    region=st.sampled_from(["us-east-1", "eu-central-2", "cn-north-1"]),
    now=st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2100, 1, 1)),  # noqa: DTZ001
)
def test_every_request_is_signed_as_botocore_signs_it(
    *,
    scheme: str,
    method: str,
    host: str,
    path: str,
    query: str,
    body: bytes,
    values: dict[str, str],
    token: str | None,
    region: str,
    now: datetime,
) -> None:
    """A signature that is wrong for one odd path or header is a 403 for one odd customer."""
    at = now.replace(tzinfo=UTC)
    url = f"{scheme}://{host}/{path}" + (f"?{query}" if query else "")
    request = Request(method=method, url=url, headers=values, body=body)

    ours = signer(region=region, token=token).sign(request, now=at)
    theirs = judged_by_botocore(request, now=at, region=region, token=token)

    assert ours.headers["Authorization"] == theirs["Authorization"]
    assert ours.headers.get("X-Amz-Security-Token") == theirs.get("X-Amz-Security-Token")


@pytest.mark.parametrize("hours", [0, 1, 23, 24, 25, 48])
def test_the_key_of_yesterday_is_not_used_today(hours: int) -> None:
    """The day's key is kept for speed; kept over midnight, every call would be refused."""
    request = Request(method="GET", url="https://email.us-east-1.amazonaws.com/v2/email/account")
    start = datetime(2030, 1, 1, 0, 30, tzinfo=UTC)
    kept = signer()
    kept.sign(request, now=start)

    later = start + timedelta(hours=hours)

    assert kept.sign(request, now=later) == signer().sign(request, now=later)


def test_a_time_in_another_zone_is_signed_in_utc() -> None:
    """AWS reads the time as UTC; two hours off is a refusal."""
    request = Request(method="GET", url="https://email.us-east-1.amazonaws.com/v2/email/account")
    utc = datetime(2030, 1, 1, 23, 30, tzinfo=UTC)

    berlin = utc.astimezone(timezone(timedelta(hours=2)))

    assert signer().sign(request, now=berlin) == signer().sign(request, now=utc)
