"""Make the subject, text and HTML of a mail out of a template and the caller's variables.

Pure: sources and variables in, finished texts or faults out. Variables are JSON as the client
sent it. The pointers of faults are those of `POST /v1/messages`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType

from jinja2 import Template, TemplateSyntaxError

from ..domain.errors import Fault, InvalidMessage
from .language import WORK, Language, Missing
from .work import TooMuch, Work

_PARTS = ("subject", "text", "html")
_MAX_SOURCE = 500_000  #: characters of one part; a mail of more than 100 KB is clipped by Gmail
_LANGUAGES = {False: Language(html=False), True: Language(html=True)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What the author wrote; or, of `render`, the parts of the mail."""

    subject: str
    text: str | None = None
    html: str | None = None


def faults_of(source: Source) -> list[Fault]:
    """Return what is wrong with a template, one fault for each part of it, with the line."""
    faults = []
    for part in _PARTS:
        written = getattr(source, part)
        if written is not None and (fault := _fault_of(part, written)):
            faults.append(fault)
    return faults


def render(source: Source, variables: Mapping[str, object]) -> Source:
    """Return the parts of one mail. What is None in `source` is None in it.

    Args:
        source: A template without `faults_of`.
        variables: JSON values by name.

    Raises:
        InvalidMessage: a variable is missing, or does not do what the template asks of it.
    """
    work = Work()
    made: dict[str, str | None] = {}
    for part in _PARTS:
        written = getattr(source, part)
        made[part] = None if written is None else _rendered(part, written, variables, work)
    subject = made["subject"] or ""
    if any(character in subject for character in "\r\n\0"):
        raise _fault("", "a variable brings a line end into the subject")
    return Source(subject=subject, text=made["text"], html=made["html"])


def _fault_of(part: str, written: str) -> Fault | None:
    if len(written) > _MAX_SOURCE:
        return Fault(f"/{part}", f"expected at most {_MAX_SOURCE} characters")
    if part == "subject" and any(character in written for character in "\r\n\0"):
        return Fault(f"/{part}", "expected one line")
    try:
        _code(part, written)
    except TemplateSyntaxError as error:
        return Fault(f"/{part}", f"line {error.lineno}: {error.message}")
    return None


@lru_cache(maxsize=256)
def _code(part: str, written: str) -> CodeType:
    """Return compiled code. Compiling costs a hundred times what rendering does."""
    return _LANGUAGES[part == "html"].compile_source(written)


def _rendered(part: str, written: str, variables: Mapping[str, object], work: Work) -> str:
    language = _LANGUAGES[part == "html"]
    template = Template.from_code(language, _code(part, written), {})
    context = template.new_context({**variables, WORK: work})
    pieces: list[str] = []
    try:
        for piece in template.root_render_func(context):
            work.make_text(len(piece))
            pieces.append(piece)
    except Missing as missing:
        raise _fault(_place(variables, missing), "the template needs this variable") from None
    except TooMuch as much:
        raise _fault("", f"{part}: {much}") from None
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        detail = f"{part}: a variable is not of the kind that the template expects"
        raise _fault("", detail) from None
    return "".join(pieces)


def _fault(below: str, detail: str) -> InvalidMessage:
    return InvalidMessage([Fault(f"/template/variables{below}", detail)])


def _place(variables: Mapping[str, object], missing: Missing) -> str:
    """Return the pointer below `variables` to what is missing."""
    name = "/" + missing.name.replace("~", "~0").replace("/", "~1")
    if missing.parent is None:
        return name
    return (_path_to(missing.parent, variables) or "") + name


def _path_to(wanted: object, inside: object) -> str | None:
    if inside is wanted:
        return ""
    children = inside.items() if isinstance(inside, Mapping) else ()
    if isinstance(inside, list):
        children = enumerate(inside)  # type: ignore[assignment]
    for name, child in children:
        below = _path_to(wanted, child)
        if below is not None:
            step = str(name).replace("~", "~0").replace("/", "~1")
            return f"/{step}{below}"
    return None
