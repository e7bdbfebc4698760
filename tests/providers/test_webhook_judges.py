"""Notifications that moto's SNS signed and sent over HTTP, judged by us."""

from __future__ import annotations

import json
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

import boto3

from mail_sender.clock import SystemClock
from mail_sender.providers.http import Answer, HttpClient, Request, Timeouts
from mail_sender.providers.sns import SnsSubscription, amazons
from mail_sender.providers.webhook import Forged, Genuine

from .moto_server import running_moto


class _Certificate(HttpClient):
    """Stands where Amazon's certificate is, with that of moto."""

    def __init__(self, url: str, pem: bytes) -> None:
        self._url = url
        self._pem = pem

    async def call(self, request: Request, timeouts: Timeouts) -> Answer:
        assert request.url == self._url
        return Answer(status=200, headers={}, body=self._pem)

    async def close(self) -> None:
        """Nothing is open."""


class _Listener(BaseHTTPRequestHandler):
    bodies: Queue[bytes]

    def do_POST(self) -> None:
        self.bodies.put(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


async def test_what_moto_signs_is_genuine_and_what_is_changed_then_is_not() -> None:
    """An implementation of the signature that is not ours agrees with ours."""
    bodies: Queue[bytes] = Queue()
    listener = HTTPServer(("127.0.0.1", 0), type("Listener", (_Listener,), {"bodies": bodies}))
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        with running_moto() as moto:
            client = boto3.client(
                "sns", region_name="eu-west-1", endpoint_url=moto.url,
                aws_access_key_id="a", aws_secret_access_key="b",
            )  # fmt: skip
            topic = client.create_topic(Name="ms")["TopicArn"]
            host, port = listener.server_address[:2]
            endpoint = f"http://{host!s}:{port}/"
            client.subscribe(TopicArn=topic, Protocol="http", Endpoint=endpoint)
            client.publish(TopicArn=topic, Message='{"eventType": "Send"}')
            envelope = json.loads(bodies.get(timeout=20))
            pem = _certificate_of_moto(moto.url, envelope["SigningCertURL"])
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join(10)
    http = _Certificate(envelope["SigningCertURL"], pem)
    subscription = SnsSubscription(amazons((topic,)), http=http, clock=SystemClock())

    genuine = await subscription.judge(json.dumps(envelope).encode())
    changed = {**envelope, "Message": '{"eventType": "Bounce"}'}
    forged = await subscription.judge(json.dumps(changed).encode())

    assert genuine == Genuine(envelope["MessageId"])
    assert isinstance(forged, Forged)


def _certificate_of_moto(url: str, told: str) -> bytes:
    """Fetch it where moto has it: it answers only who seems to call SNS."""
    scope = "AWS4-HMAC-SHA256 Credential=a/20261124/eu-west-1/sns/aws4_request"
    request = urllib.request.Request(  # noqa: S310
        f"{url}/{told.rpartition('/')[2]}", headers={"Authorization": scope}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return bytes(answer.read())
