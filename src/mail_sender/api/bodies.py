"""Reading a body, JSON or CSV: not more than allowed, strictly, with every fault at once.

Neighbours: every route with a body reads it here, so that 400, 413, 415 and 422 mean the same
everywhere; `faults` words what pydantic found.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from .auth import services_of
from .errors import BodyTooLarge, InvalidCsv, InvalidJson, InvalidRequest, WrongMediaType
from .faults import faults_of, is_not_json
from .fields import field, fields_of

_IN_A_THREAD = 256 * 1024  #: bytes from which parsing would hold up other requests
_UTF8 = r'\s*(;\s*charset\s*=\s*"?utf-?8"?\s*)?;?\s*'
_JSON = re.compile(rf"application/json{_UTF8}", re.IGNORECASE)
_CSV = re.compile(rf"text/csv(\s*;\s*header\s*=\s*(present|absent))?{_UTF8}", re.IGNORECASE)
_BOM = b"\xef\xbb\xbf"

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")


async def json_bytes(request: Request) -> bytes:
    """Return the body of a request that says it is JSON.

    Raises:
        WrongMediaType: It says something else, or nothing.
        BodyTooLarge: Found by Content-Length, or by counting; the rest is not read.
    """
    return await _bytes(request, _JSON, "application/json")


async def csv_text(request: Request) -> str:
    """Return the body of a request that says it is CSV (RFC 7111 names the parameters).

    Raises:
        WrongMediaType, BodyTooLarge: As `json_bytes`.
        InvalidCsv: It is not UTF-8.
    """
    body = await _bytes(request, _CSV, "text/csv")
    try:
        return body.removeprefix(_BOM).decode()
    except UnicodeDecodeError:
        raise InvalidCsv("The body is not text in UTF-8.") from None


async def _bytes(request: Request, pattern: re.Pattern[str], wanted: str) -> bytes:
    media_type = field(request.scope, b"content-type")
    if not pattern.fullmatch(media_type or ""):
        raise WrongMediaType(media_type, wanted=wanted)
    _refuse_packed(request, wanted)
    return await _limited(request)


def _refuse_packed(request: Request, wanted: str) -> None:
    coding = field(request.scope, b"content-encoding")
    if coding is not None and coding.lower() != "identity":
        raise WrongMediaType(coding, wanted=wanted)


async def parsed(parse: Callable[[bytes], Result], body: bytes) -> Result:
    """Return what `parse` makes of the body; of a large one in a thread."""
    body = body.removeprefix(_BOM)  # RFC 8259 section 8.1: a parser may ignore one
    if len(body) > _IN_A_THREAD:
        return await asyncio.to_thread(parse, body)
    return parse(body)


def json_body(model: type[Model]) -> Callable[[Request], Awaitable[Model]]:
    """Return a dependency that reads the body as `model`.

    A request without any body is read as `{}`, so that a call without options needs none.
    """

    async def read(request: Request) -> Model:
        body = await (json_bytes(request) if _has_body(request) else _limited(request))
        try:
            return await parsed(model.model_validate_json, body or b"{}")
        except ValidationError as error:
            if is_not_json(error):
                raise InvalidJson(type(error).__name__) from None
            raise InvalidRequest(faults_of(error)) from None

    return read


def _has_body(request: Request) -> bool:
    fields = fields_of(request.scope)
    return fields.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in fields


async def any_bytes(request: Request, limit: int) -> bytes:
    """Return the body of a request, whatever it says it is.

    Raises:
        WrongMediaType: It is packed.
        BodyTooLarge: Of more than `limit` bytes.
    """
    _refuse_packed(request, "anything")
    return await _limited(request, limit)


async def _limited(request: Request, limit: int | None = None) -> bytes:
    limit = services_of(request).policy.max_request_bytes if limit is None else limit
    announced = field(request.scope, b"content-length") or ""
    if announced.isdecimal() and int(announced[:20]) > limit:
        raise BodyTooLarge(limit)
    chunks: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(limit)
        chunks.append(chunk)
        more = message.get("more_body", False)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
