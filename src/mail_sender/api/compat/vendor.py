"""What every vendor's file consists of: calls, a way to show a key, and words for a refusal.

Neighbours: `door` serves what stands here, `registry` lists the vendors, docs/compatibility.md is
made of their calls.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response

from ...domain.errors import Fault
from ...store.port import ApiKey, Scope
from ..auth import Authenticator
from ..bodies import any_bytes
from ..services import Services
from .fields import Wire
from .refusal import Reason, Refusal

PREFIX = "/compat"
_MOST_TOLD = 10  #: faults in one answer


class Visit:
    """One request at a vendor's door.

    Attributes:
        path: Below the vendor's address.
        parameters: What stands in the path.
        key: Whose request it is; known once it was let in.
    """

    key: ApiKey

    def __init__(
        self, request: Request, vendor: Vendor, services: Services, parameters: Mapping[str, str]
    ) -> None:
        self.request = request
        self.vendor = vendor
        self.services = services
        self.parameters = parameters
        self._body: bytes | None = None

    async def body(self) -> bytes:
        """Return the whole body. Raises `BodyTooLarge`, `WrongMediaType`: it is packed."""
        if self._body is None:
            self._body = await any_bytes(self.request, self.services.policy.max_request_bytes)
        return self._body


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a vendor's API.

    Attributes:
        path: Below the vendor's address, with `{names}`.
        does: What it does here, for the documentation.
        needs: The scope that a key needs; None: any key.
        answer: None: the call is known and refused, for what `does` says.
        takes: The document that is posted.
        asks: Names of query parameters that are read.
    """

    method: str
    path: str
    does: str
    needs: Scope | None = None
    answer: Callable[[Visit], Awaitable[Response]] | None = None
    takes: type[Wire] | None = None
    asks: tuple[str, ...] = ()

    def parameters_of(self, path: str) -> Mapping[str, str] | None:
        """Return what a path says in the places of the names; None: it is another call's."""
        pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(self.path))
        found = re.fullmatch(pattern, path)
        return found.groupdict() if found else None


class Vendor(ABC):
    """A vendor's API, as far as the gateway speaks it.

    Attributes:
        name: In the address, `/compat/<name>`.
        title: As people write it.
        namespace: Paths that are this vendor's without a prefix too, for programs of which only
            the host can be changed.
        calls: The first that fits answers.
        theirs: Names of our message's fields in the vendor's requests.
        page: The vendor's documentation.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    page: ClassVar[str]
    namespace: ClassVar[re.Pattern[str]]
    calls: ClassVar[tuple[Call, ...]]
    theirs: ClassVar[Mapping[str, str]] = MappingProxyType({})

    @abstractmethod
    def secret_of(self, request: Request) -> str:
        """Return the API key from where the vendor has it. Raises `Refusal`: there is none."""

    @abstractmethod
    def no(self, refusal: Refusal, words: str) -> Response:
        """Return a refusal in the vendor's form, without the refusal's own headers."""

    async def admit(
        self, visit: Visit, authenticator: Authenticator, needed: Scope | None
    ) -> ApiKey:
        """Return whose request it is. Raises as `Authenticator.admit`, and `Refusal`."""
        return await authenticator.admit(
            visit.request, needed, secret=self.secret_of(visit.request)
        )

    def repeats(self, request: Request) -> str | None:  # noqa: ARG002 - a hook
        """Return what a vendor's library keeps the same when it repeats a request by itself.

        None: nothing but the request.
        """
        return None

    def answer_of(self, refusal: Refusal) -> Response:
        """Return the answer to a request that is refused."""
        answer = self.no(refusal, self.told(refusal))
        answer.headers.update(refusal.headers)
        return answer

    def told(self, refusal: Refusal) -> str:
        """Return a refusal in one line, every fault with the name of its field."""
        return words_of(refusal)

    def in_their_names(self, refusal: Refusal) -> Refusal:
        """Return a refusal whose faults point into the vendor's request instead of ours."""
        faults = [Fault(self._renamed(fault.pointer), fault.detail) for fault in refusal.faults]
        return Refusal(refusal.reason, refusal.words, faults=faults, headers=refusal.headers)

    def _renamed(self, pointer: str) -> str:
        first, *rest = pointer.removeprefix("/").split("/")
        return "/" + "/".join((self.theirs.get(first, first), *rest))


def bearer(request: Request) -> str:
    """Return the Bearer token (RFC 6750 section 2.1). Raises `Refusal`: there is none."""
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Refusal(Reason.NO_KEY)
    return secret.strip()


def words_of(refusal: Refusal) -> str:
    """Return a refusal in one line, every fault with the name of its field."""
    if not refusal.faults:
        return refusal.words or _WORDS[refusal.reason]
    told = [_said(fault) for fault in refusal.faults[:_MOST_TOLD]]
    if len(refusal.faults) > _MOST_TOLD:
        told.append(f"and {len(refusal.faults) - _MOST_TOLD} more")
    return "; ".join(told)


def _said(fault: Fault) -> str:
    name = field_of(fault.pointer)
    return f"{name}: {fault.detail}" if name else fault.detail


def field_of(pointer: str, *, index: str = "[{}]") -> str:
    """Return an RFC 6901 pointer as people write it: `attachments[0].filename`."""
    text = ""
    for part in pointer.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - section 4
        text += index.format(part) if part.isdecimal() else f".{part}" if text else part
    return text


_WORDS: Mapping[Reason, str] = {
    Reason.NO_KEY: "There is no API key in the request.",
    Reason.NO_SUCH_CALL: "This gateway does not serve this address.",
    Reason.WRONG_METHOD: "This address is not served with this method.",
    Reason.NOT_FOUND: "There is no such message.",
    Reason.INTERNAL: "Internal error.",
}
