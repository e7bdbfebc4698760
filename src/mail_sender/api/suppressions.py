"""`/v1/suppressions`: addresses that get no mail, one list over all providers.

Neighbours: the store keeps the list and looks at it whenever a message is handed over.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import ValidationError
from pydantic_core import from_json, to_json
from starlette.responses import Response, StreamingResponse

from ..domain import suppression as domain
from ..domain.address import parse_address
from ..domain.errors import Fault, NotFound
from ..domain.message import Address
from ..domain.suppression import Origin, OriginKind, SuppressionReason
from ..observability import maillog
from ..store.port import Added, InvalidCursor, Page, Store, SuppressionQuery
from .answers import Answer
from .auth import NEEDS_READ, Behind, CanManage
from .bodies import csv_text, json_bytes, parsed
from .documented import (
    CSV_BODY,
    HEADER_NAMES,
    JSON_BODY,
    csv_request,
    json_request,
    refusals,
    returns,
    together,
)
from .errors import InvalidJson, InvalidRequest
from .faults import faults_of, parameter, token
from .messages import bad_cursor
from .problems import problem_of
from .schemas_suppression import (
    MOST_AT_ONCE,
    MOST_BAD_LINES,
    AddedResult,
    AddedResults,
    Imported,
    NewSuppression,
    NewSuppressions,
    Suppression,
    SuppressionFilter,
    SuppressionListQuery,
    SuppressionPage,
    added_result,
    imported_of,
    suppression_of,
    suppression_page,
)
from .suppression_csv import Line, Otherwise, read_csv, write_csv

router = APIRouter(tags=["Suppressions"])

_AT_ONCE = 1000  #: entries of a file in one commit, or of the list in one piece of a file
_FILE = "text/csv; charset=utf-8; header=present"


@router.get(
    "/v1/suppressions",
    dependencies=[NEEDS_READ],
    response_model=SuppressionPage,
    summary="List suppressions",
    responses=refusals(InvalidRequest),
)
async def list_suppressions(
    asked: Annotated[SuppressionListQuery, Query()], services: Behind
) -> Response:
    """Addresses that get no mail, newest first; expired ones are not part of it."""
    query = asked.query(limit=asked.limit, cursor=asked.cursor)
    return Answer(suppression_page(await _page(services.store, query)))


@router.post(
    "/v1/suppressions",
    response_model=AddedResults,
    summary="Add suppressions",
    responses=together(
        returns(200, "Of many: one result for each, in their order.", AddedResults),
        returns(201, "Of one: the entry as it stands now.", Suppression),
        refusals(*JSON_BODY),
    ),
    openapi_extra=json_request(NewSuppression, NewSuppressions),
)
async def add_suppressions(request: Request, key: CanManage, services: Behind) -> Response:
    """Keep mail away from an address, or from up to 1000 at once, from the next attempt on.

    An address that is there already keeps its weightier reason (complaint, then unsubscribe,
    hard bounce, manual), the earlier begin and the later end: adding twice does no harm.
    """
    items, is_one = await parsed(_items_in, await json_bytes(request))
    origin, now = Origin(OriginKind.KEY, key.id), services.clock.now()
    read = [_read(item, origin, now) for item in items]
    if is_one and isinstance(read[0], InvalidRequest):
        raise read[0]
    good = [it for it in read if isinstance(it, domain.Suppression)]
    added = await services.store.add_suppressions(good)
    for each in added:
        maillog.list_changed("suppression_added", each.suppression.address, by=key.id)
    if is_one:
        return Answer(suppression_of(added[0].suppression), 201)
    results = iter(added)
    data = [
        _refused(place, it) if isinstance(it, InvalidRequest) else added_result(next(results))
        for place, it in enumerate(read)
    ]
    return Answer({"data": data})


@router.post(
    "/v1/suppressions/import",
    response_model=Imported,
    summary="Import suppressions",
    responses=refusals(*CSV_BODY, InvalidRequest),
    openapi_extra=csv_request("address,reason\nann@example.net,unsubscribe\n"),
)
async def import_suppressions(
    request: Request,
    key: CanManage,
    services: Behind,
    reason: Annotated[
        SuppressionReason | None,
        Query(description="Of lines that name none, or one that is no word we know."),
    ] = None,
) -> Response:
    """Add a CSV file: an export of ours, or of a provider.

    The first line names the columns: `address` (or `email`, `recipient`), and if there are any
    `reason`, `origin`, `created_at`, `expires_at`, `note`; without such a line these are address
    and reason. Lines that cannot be read are told and left out. Importing again does no harm, so
    after a `503` or a broken line begin anew.
    """
    text = await csv_text(request)
    origin = Origin(OriginKind.IMPORT, key.id)
    lines = read_csv(text, Otherwise(reason=reason, origin=origin, now=services.clock.now()))
    results: Counter[Added] = Counter()
    bad, bad_lines = 0, list[Line]()
    while chunk := await asyncio.to_thread(_next, lines):
        wrong = [line for line in chunk if isinstance(line.found, str)]
        bad += len(wrong)
        bad_lines += wrong[: MOST_BAD_LINES - len(bad_lines)]
        new = [line.found for line in chunk if isinstance(line.found, domain.Suppression)]
        results.update(it.added for it in await services.store.add_suppressions(new))
    maillog.process("suppressions_imported", by=key.id, lines=results.total(), bad=bad)
    return Answer(imported_of(results, bad, bad_lines))


@router.get(
    "/v1/suppressions/export",
    dependencies=[NEEDS_READ],
    response_class=Response,
    summary="Export suppressions",
    responses={
        200: {
            "description": "A CSV file with a line for each entry, newest first.",
            "content": {"text/csv": {"schema": {"type": "string"}}},
            HEADER_NAMES: ["Content-Disposition"],
        },
        **refusals(InvalidRequest),
    },
)
async def export_suppressions(
    asked: Annotated[SuppressionFilter, Query()], services: Behind
) -> Response:
    """The whole list, or what the filters leave of it, as a file that can be imported again."""
    query = asked.query(limit=_AT_ONCE)
    first = await services.store.suppressions(query)
    headers = {"Content-Disposition": 'attachment; filename="suppressions.csv"'}
    return StreamingResponse(_file(services.store, query, first), 200, headers, _FILE)


@router.get(
    "/v1/suppressions/{address:path}",
    dependencies=[NEEDS_READ],
    response_model=Suppression,
    summary="Ask for a suppression",
    responses=refusals(NotFound, InvalidRequest),
)
async def get_suppression(address: str, services: Behind) -> Response:
    """Whether an address gets no mail, why, and who said so."""
    found = await services.store.suppression(_address(address))
    if found is None:
        raise NotFound(address)
    return Answer(suppression_of(found))


@router.delete(
    "/v1/suppressions/{address:path}",
    response_model=Suppression,
    summary="Remove a suppression",
    responses=refusals(NotFound, InvalidRequest),
)
async def remove_suppression(address: str, key: CanManage, services: Behind) -> Response:
    """Let an address have mail again; the answer is the entry as it stood.

    Providers keep lists of their own, which this does not change.
    """
    removed = await services.store.remove_suppression(_address(address))
    if removed is None:
        raise NotFound(address)
    maillog.list_changed("suppression_removed", removed.address, by=key.id)
    return Answer(suppression_of(removed))


# ---------------------------------------------------------------- inside


async def _page(store: Store, query: SuppressionQuery) -> Page[domain.Suppression]:
    try:
        return await store.suppressions(query)
    except InvalidCursor:
        raise bad_cursor() from None


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except ValueError as error:
        raise InvalidRequest([Fault(parameter("address", "path"), str(error))]) from None


def _items_in(body: bytes) -> tuple[list[bytes], bool]:
    """Return what is to be added, each as JSON, and whether it is one that stands alone."""
    try:
        whole = from_json(body)
    except ValueError:
        raise InvalidJson("suppressions") from None
    if not isinstance(whole, dict) or "suppressions" not in whole:
        return [body], True
    items = whole.pop("suppressions")
    faults = [Fault(f"/{token(name)}", "unknown field") for name in whole]
    if not isinstance(items, list) or not 1 <= len(items) <= MOST_AT_ONCE:
        faults.append(Fault("/suppressions", f"expected a list of 1 to {MOST_AT_ONCE}"))
    if faults:
        raise InvalidRequest(faults)
    return [to_json(item) for item in items], False


def _read(item: bytes, origin: Origin, now: datetime) -> domain.Suppression | InvalidRequest:
    try:
        return NewSuppression.model_validate_json(item).suppression(origin, now)
    except ValidationError as error:
        return InvalidRequest(faults_of(error))
    except InvalidRequest as error:
        return error


def _refused(place: int, error: InvalidRequest) -> AddedResult:
    return {"status": 422, "problem": problem_of(error, below=f"/suppressions/{place}")}


def _next(lines: Iterator[Line]) -> list[Line]:
    return list(islice(lines, _AT_ONCE))


async def _file(
    store: Store, query: SuppressionQuery, page: Page[domain.Suppression]
) -> AsyncIterator[bytes]:
    yield write_csv(page.rows, header=True)
    while page.next_cursor is not None:
        page = await store.suppressions(replace(query, cursor=page.next_cursor))
        yield write_csv(page.rows)
