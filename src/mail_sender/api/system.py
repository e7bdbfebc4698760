"""`GET /v1/system`: which gateway answers and how it is. No paths, no secrets."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from ..domain.errors import StoreUnavailable
from ..store.port import Store
from .answers import Answer
from .auth import NEEDS_READ, Behind
from .schemas_system import System, system_of

router = APIRouter(tags=["System"])


@router.get(
    "/v1/system", dependencies=[NEEDS_READ], response_model=System, summary="Ask for the system"
)
async def get_system(services: Behind) -> Response:
    """Version, store, queue and what is switched on, of the process that answers.

    For people and their pages: load balancers ask `/health/ready`.
    """
    why_not = await services.why_not_ready()
    healthy = await _takes_writes(services.store)
    depth = await services.store.depth()
    return Answer(system_of(services, depth=depth, healthy=healthy, why_not_ready=why_not))


async def _takes_writes(store: Store) -> bool:
    try:
        await store.check()
    except StoreUnavailable:
        return False
    return True
