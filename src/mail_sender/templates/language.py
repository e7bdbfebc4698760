"""What a template may say: a small part of Jinja's language, and no Python behind it.

Jinja's sandbox keeps templates from Python's internals, but not from using up memory and time:
`{{ 'x' * 10**9 }}`, two nested loops, or `set a = a ~ a` forty times are all fine for it. So
the language is an allow-list of nodes, filters and tests, in which each thing that can grow is
paid for (`work`). There are no calls, macros, includes and sets of blocks, a dot only looks
into JSON objects (and so `order.items` is the variable, never a method of dict), and numbers
are the only operands of arithmetic; texts are joined by `~`.

Neighbours: `render` uses the two environments. https://jinja.palletsprojects.com/sandbox/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import CodeType
from typing import Any, cast

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, nodes, pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Context, LoopContext, markup_join, str_join
from jinja2.sandbox import SandboxedEnvironment
from jinja2.tests import TESTS

from .work import TooMuch, Work

WORK = "work left"  #: in a context; with its blank no template can name it

_NODES = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.Assign),
    *(nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Getattr, nodes.Getitem),
    *(nodes.Filter, nodes.Test, nodes.Compare, nodes.Operand, nodes.CondExpr, nodes.Concat),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos),
    *(nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv, nodes.Mod),
)
_FILTERS = (
    *("abs", "capitalize", "d", "default", "e", "escape", "first", "int", "float", "items"),
    *("join", "last", "length", "lower", "round", "safe", "sort", "striptags", "title"),
    *("trim", "truncate", "upper", "urlencode"),
)
_TESTS = (
    *("defined", "undefined", "none", "string", "number", "mapping", "sequence"),
    *("even", "odd", "divisibleby"),
)
_LOOP = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
_MAX_NUMBER = 1e30
_SORTING = 16  #: times an item is looked at in sorting a list
_MAX_DEPTH = 12  #: of loops and conditions in one another; CPython compiles no more than 20


class Missing(Exception):
    """The template uses a variable that was not given."""

    def __init__(self, name: str, parent: object) -> None:
        super().__init__(name)
        self.name = name
        self.parent = parent  #: the object it is missing in; None: at the top


class Language(SandboxedEnvironment):
    """The environment of one kind of text; only HTML has its variables escaped."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, *, html: bool) -> None:
        super().__init__(
            undefined=_Undefined,
            autoescape=html,
            finalize=_finalized,
            keep_trailing_newline=True,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = {name: _paid(name, FILTERS[name]) for name in _FILTERS}
        self.filters |= {_LOOPED: _looped, _JOINED: _joined, _WEIGHED: _weighed}
        self.tests = {name: TESTS[name] for name in _TESTS}

    def compile_source(self, source: str) -> CodeType:
        """Return the code of `source`.

        Raises:
            TemplateSyntaxError: it is not in the language, with the line.
        """
        try:
            tree = self.parse(source)
            code: CodeType = self.compile(_allowed(tree))
        except RecursionError:
            raise TemplateSyntaxError("nested too deeply", 1) from None
        return code

    def getattr(self, obj: object, attribute: str) -> object:
        """Look a name up in a JSON object, or what a loop knows of itself."""
        return self.getitem(obj, attribute)

    def getitem(self, obj: object, argument: object) -> object:
        """Look a name up in a JSON object or an index in a list."""
        if isinstance(obj, LoopContext):
            known = argument in _LOOP
            return getattr(obj, str(argument)) if known else self._lacks(obj, argument)
        if isinstance(obj, Mapping) and isinstance(argument, str):
            return obj[argument] if argument in obj else self._lacks(obj, argument)
        if isinstance(obj, list | tuple) and isinstance(argument, int):
            inside = -len(obj) <= argument < len(obj)
            return obj[argument] if inside else self._lacks(obj, argument)
        return self._lacks(obj, argument)

    def _lacks(self, obj: object, argument: object) -> Undefined:
        return self.undefined(obj=obj, name=str(argument))

    def call_binop(self, context: Context, operator: str, left: object, right: object) -> object:
        """Calculate with numbers of a mail's size."""
        for number in (left, right):
            if not isinstance(number, int | float) or abs(number) > _MAX_NUMBER:
                _fail_if_undefined(number)
                raise TooMuch(f"{operator} is for numbers; texts are joined by ~")
        if operator in {"/", "//", "%"} and not right:
            raise TooMuch(f"{operator} 0")
        return cast("object", super().call_binop(context, operator, left, right))


class _Undefined(StrictUndefined):
    """A missing variable. It tells where it is missing, instead of what Python calls that."""

    __slots__ = ()

    def __init__(
        self, hint: str | None = None, obj: object = None, name: str | None = None, _: object = None
    ) -> None:
        def missing(_: str) -> Exception:
            return Missing(name or "", obj if isinstance(obj, Mapping | list) else None)

        super().__init__(hint, obj, name, missing)  # type: ignore[arg-type]


def _fail_if_undefined(value: object) -> None:
    if isinstance(value, Undefined):
        str(value)


@pass_context
def _finalized(_: Context, value: object) -> object:
    """Print a value. Asking for the context keeps Jinja from printing constants without it."""
    return _printed(value)


def _printed(value: object) -> object:
    """Return what stands in the mail for a value: nothing for null, and never Python's words."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float | Undefined):
        return value
    raise TooMuch("a list or an object cannot be printed; loop over it or name a part of it")


# ---- what is put into the tree ------------------------------------------------------------------

_LOOPED, _JOINED, _WEIGHED = "over a loop", "joined text", "weight of a value"


def _allowed(tree: nodes.Template) -> nodes.Template:
    """Return `tree` with the counters in it.

    Raises:
        TemplateSyntaxError: something in it is not in the language.
    """
    _check(tree, depth=0)
    _count(tree)
    return tree


def _check(node: nodes.Node, *, depth: int) -> None:
    if type(node) not in _NODES:
        raise TemplateSyntaxError(f"{_title(node)} cannot be used in templates", node.lineno)
    if isinstance(node, nodes.For) and (node.recursive or node.test is not None):
        raise TemplateSyntaxError("a loop is neither recursive nor filtered", node.lineno)
    if isinstance(node, nodes.Filter) and (node.dyn_args or node.dyn_kwargs or not node.node):
        raise TemplateSyntaxError("this use of a filter cannot be understood", node.lineno)
    if isinstance(node, nodes.Assign) and not isinstance(node.target, nodes.Name):
        raise TemplateSyntaxError("set gives one name one value", node.lineno)
    depth += isinstance(node, nodes.For | nodes.If)
    if depth > _MAX_DEPTH:
        raise TemplateSyntaxError("nested too deeply", node.lineno)
    for child in node.iter_child_nodes():
        _check_child(child, depth=depth)


def _check_child(child: nodes.Node, *, depth: int) -> None:
    if isinstance(child, nodes.Keyword):  # an argument of a filter, by name
        child = child.value
    _check(child, depth=depth)


def _title(node: nodes.Node) -> str:
    return {"Call": "a call", "Pow": "**", "Slice": "a slice"}.get(
        type(node).__name__, type(node).__name__.lower()
    )


def _count(tree: nodes.Template) -> None:
    """Put the counters in, children first: what they cost is part of what contains them."""
    for loop in list(tree.find_all(nodes.For)):
        parts = 1 + sum(1 for part in loop.body for _ in part.find_all(nodes.Node))
        loop.iter = _filter(_LOOPED, loop.iter, nodes.Const(parts))
    for compare in list(tree.find_all(nodes.Compare)):
        compare.expr = _filter(_WEIGHED, compare.expr, nodes.Const("eq"))
        for operand in compare.ops:
            operand.expr = _filter(_WEIGHED, operand.expr, nodes.Const(operand.op))
    _replace_concats(tree)


def _replace_concats(node: nodes.Node) -> None:
    for name, value in node.iter_fields():
        if isinstance(value, list):
            setattr(node, name, [_replaced(child) for child in value])
        else:
            setattr(node, name, _replaced(value))
    for child in node.iter_child_nodes():
        _replace_concats(child)


def _replaced(value: object) -> object:
    if isinstance(value, nodes.Concat):
        return _filter(_JOINED, nodes.List(value.nodes, lineno=value.lineno))
    return value


def _filter(name: str, node: nodes.Node, *arguments: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(
        cast("nodes.Expr", node), name, list(arguments), [], None, None, lineno=node.lineno
    )


# ---- what the tree calls ------------------------------------------------------------------------


def _work(context: Context) -> Work:
    work = context.parent[WORK]
    assert isinstance(work, Work)  # noqa: S101 - `render` puts it there
    return work


@pass_context
def _looped(context: Context, items: object, parts: int) -> Iterator[object]:
    """Yield `items`, each paid for by the size of the loop's body."""
    _fail_if_undefined(items)
    if isinstance(items, str) or not isinstance(items, Iterable):
        raise TooMuch("a loop goes over a list or an object")
    work = _work(context)
    for item in items:
        work.spend(parts)
        yield item


@pass_context
def _joined(context: Context, parts: list[object]) -> str:
    printed = [_printed(part) for part in parts]
    _work(context).make_text(sum(len(str(part)) for part in printed))
    return markup_join(printed) if context.eval_ctx.autoescape else str_join(printed)


@pass_context
def _weighed(context: Context, value: object, operator: str) -> object:
    """Pay for looking into `value`; texts and numbers alone are compared with each other."""
    _fail_if_undefined(value)
    if isinstance(value, list | tuple | Mapping):
        if operator not in {"in", "notin"}:
            raise TooMuch("only texts and numbers can be compared")
        _work(context).spend(len(value))
    elif isinstance(value, str):
        _work(context).spend(len(value))
    return value


def _paid(name: str, apply: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter of Jinja's that pays for what it is given and for what it makes."""
    passed = getattr(apply, "jinja_pass_arg", None)

    @pass_context
    def paid(context: Context, value: Any, *arguments: object, **named: object) -> object:  # noqa: ANN401
        work = _work(context)
        work.spend(_weight(value) * (_SORTING if name == "sort" else 1))
        if name == "join":
            glue = sum(_size(argument) for argument in arguments)
            work.make_text(sum(_size(item) + glue for item in value))
        before = _before(passed, context)
        made = apply(*before, value, *arguments, **named)
        if isinstance(made, str):
            work.make_text(len(made))
        return made

    return paid


def _before(passed: object, context: Context) -> tuple[object, ...]:
    """Return what Jinja hands a filter before its value, by the mark that it set on it."""
    match getattr(passed, "name", None):
        case "context":
            return (context,)
        case "eval_context":
            return (context.eval_ctx,)
        case "environment":
            return (context.environment,)
        case _:
            return ()


def _weight(value: object) -> int:
    """Return what a filter reads of a value: of a list, also the texts in it."""
    if isinstance(value, list | tuple):
        return len(value) + sum(len(item) for item in value if isinstance(item, str))
    return _size(value)


def _size(value: object) -> int:
    return len(value) if isinstance(value, str | list | tuple | Mapping) else 1
