"""Templates: what they make, what they refuse, and that none of them runs away."""

from __future__ import annotations

import time

import pytest

from mail_sender.domain.errors import Fault, InvalidMessage
from mail_sender.templates.render import Source, faults_of, render


def made(html: str, **variables: object) -> str | None:
    source = Source(subject="s", html=html)
    assert faults_of(source) == []
    return render(source, variables).html


def fault(source: Source, **variables: object) -> Fault:
    with pytest.raises(InvalidMessage) as caught:
        render(source, variables)
    (only,) = caught.value.faults
    return only


def test_a_template_makes_all_parts_of_a_mail() -> None:
    """This is what a template is for: one source, and a mail for each customer."""
    source = Source(
        subject="Order {{ order.number }}",
        text="{% for line in order.lines %}{{ loop.index }}. {{ line.name }}\n{% endfor %}",
        html="<p>{% if name %}Dear {{ name|title }}{% else %}Hello{% endif %}</p>",
    )

    mail = render(
        source, {"name": "ann", "order": {"number": 7, "lines": [{"name": "Tea"}, {"name": "Pot"}]}}
    )

    assert mail == Source(subject="Order 7", text="1. Tea\n2. Pot\n", html="<p>Dear Ann</p>")


def test_a_part_that_a_template_lacks_stays_out() -> None:
    """An empty HTML part would be shown by mail programs instead of the text."""
    assert render(Source(subject="s", text="t"), {}).html is None


def test_variables_are_escaped_in_html_alone() -> None:
    """A customer called `<script>` must not write HTML, nor read `&amp;` in a subject."""
    source = Source(subject="{{ v }}", text="{{ v }}", html="{{ v }} {{ 'a' ~ v }}")

    mail = render(source, {"v": "<&>"})

    assert mail == Source(subject="<&>", text="<&>", html="&lt;&amp;&gt; a&lt;&amp;&gt;")


def test_an_author_may_vouch_for_html() -> None:
    """Some variables are HTML on purpose; the author says so, not who sends them."""
    assert made("{{ v|safe }}", v="<b>") == "<b>"


@pytest.mark.parametrize(
    ("html", "pointer"),
    [
        ("{{ name }}", "/template/variables/name"),
        ("{{ order.total }}", "/template/variables/order/total"),
        ("{% for line in order.lines %}{{ line.price }}{% endfor %}",
         "/template/variables/order/lines/1/price"),
        ("{% for line in lines %}{% endfor %}", "/template/variables/lines"),
        ("{% if paid %}{% endif %}", "/template/variables/paid"),
        ("{% if paid == 1 %}{% endif %}", "/template/variables/paid"),
        ("{{ name|upper }}", "/template/variables/name"),
        ("{{ 'a' ~ name }}", "/template/variables/name"),
        ("{{ price * 2 }}", "/template/variables/price"),
    ],
)  # fmt: skip
def test_a_missing_variable_is_named_by_a_pointer(html: str, pointer: str) -> None:
    """`Dear ,` is worse than no mail; and who is to mend it must know what was missing."""
    lines = [{"price": 1}, {}]

    assert fault(Source(subject="s", html=html), order={"lines": lines}).pointer == pointer


def test_a_missing_variable_may_have_a_default() -> None:
    """The author can say that a variable may be left out, and what stands for it."""
    assert made("{{ name|default('friend') }}{% if name is defined %}!{% endif %}") == "friend"


def test_a_dot_never_finds_a_method() -> None:
    """Shops call their lists `items`, which Jinja would take for a method of dict."""
    assert made("{{ order['items'][0] }}{{ order.items[1] }}", order={"items": [1, 2]}) == "12"


@pytest.mark.parametrize("value", ["a\r\nBcc: eve@example.net", "a\nb", "a\0"])
def test_a_variable_cannot_add_a_header(value: str) -> None:
    """The subject is a header: a line end in it would let a customer's name add recipients."""
    source = Source(subject="Dear {{ name }}", text="t")

    assert fault(source, name=value).detail == "a variable brings a line end into the subject"


@pytest.mark.parametrize(
    ("html", "detail"),
    [
        ("a\n{{ b", "line 2: "),
        ("{% for a in b %}", "line 1: "),
        ("\n\n{{ x|nothing }}", "line 3: No filter named 'nothing'."),
        ("{{ f() }}", "line 1: a call cannot be used in templates"),
        ("{{ ''.__class__.mro() }}", "line 1: a call cannot be used in templates"),
        ("{{ 9 ** 9 }}", "line 1: ** cannot be used in templates"),
        ("{% macro a() %}{% endmacro %}", "line 1: macro cannot be used in templates"),
        ("{% include 'x' %}", "line 1: include cannot be used in templates"),
        ("{% set a %}b{% endset %}", "line 1: assignblock cannot be used in templates"),
        ("{{ a[1:] }}", "line 1: a slice cannot be used in templates"),
        ("{% for a in b recursive %}{% endfor %}", "line 1: a loop is neither recursive nor"),
        ("{% if a %}" * 13 + "{% endif %}" * 13, "line 1: nested too deeply"),
        ("{{ " + "(" * 5000 + "a" + ")" * 5000 + " }}", "line 1: nested too deeply"),
        ("{{ " + "-" * 5000 + "1 }}", "line 1: nested too deeply"),
        ("x" * 500_001, "expected at most 500000 characters"),
    ],
)
def test_what_is_not_in_the_language_is_refused_when_it_is_written(html: str, detail: str) -> None:
    """The author hears it with the line when saving, not a customer's order when sending."""
    (only,) = faults_of(Source(subject="s", html=html))

    assert only.pointer == "/html"
    assert only.detail.startswith(detail)


def test_every_part_with_a_fault_is_told() -> None:
    """One round of mending is enough."""
    faults = faults_of(Source(subject="a\nb", text="{{", html="{%"))

    assert [fault.pointer for fault in faults] == ["/subject", "/text", "/html"]


@pytest.mark.parametrize(
    "html",
    [
        "{{ v.__class__ }}",
        "{{ v['__class__'] }}",
        "{{ d.keys }}",
        "{{ self }}",
        "{{ loop }}",
        "{% for a in [1] %}{{ loop }}{% endfor %}",
        "{% for a in [1] %}{{ loop._iterable }}{% endfor %}",
        "{{ d }}",
        "{{ [1] }}",
    ],
)
def test_nothing_but_variables_can_be_reached(html: str) -> None:
    """A template's author is not the operator: Python's internals hold keys and files."""
    fault(Source(subject="s", html=html), v="text", d={"a": 1})


@pytest.mark.parametrize(
    "html",
    [
        "{% for a in l %}{% for b in l %}{% for c in l %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in l %}{% for b in l %}{{ t }}{% endfor %}{% endfor %}",
        "{% for a in l %}{% for b in l %}{% if 0 in l %}{% endif %}{% endfor %}{% endfor %}",
        "{% for a in l %}{% for b in l %}{% if t == u %}{% endif %}{% endfor %}{% endfor %}",
        "{% for a in l %}{% for b in l %}{% set c = t|upper|lower %}{% endfor %}{% endfor %}",
        "{% for a in l %}{% for b in l %}{% set c = l|sort %}{% endfor %}{% endfor %}",
        "{% set a = t %}" + "{% set a = a ~ a %}" * 40,
        "{% set a = t %}" + "{% set a = [a, a]|join(a) %}" * 40,
        "{{ 'x' * 1000000000 }}",
        "{{ l * 1000000000 }}",
        "{% set a = 99999999999 %}" + "{% set a = a * a %}" * 40 + "{{ a }}",
        "{{ 1 / 0 }}",
        "{{ n|round(n) }}",
        "{{ t|truncate('x') }}",
        "{{ n|upper|first|last|items }}",
        "{{ 5|default(1, 2, 3) }}",
    ],
)
def test_no_template_runs_away(html: str) -> None:
    """One tenant's template must not take the gateway's memory or a core from all others."""
    started = time.process_time()

    text = "x" * 10_000
    found = fault(Source(subject="s", html=html), l=list(range(3000)), t=text, u=text, n=1e9)

    assert time.process_time() - started < 5
    assert found.pointer == "/template/variables"


def test_a_long_list_is_no_reason_to_refuse() -> None:
    """The limits are for templates that run away, not for an invoice of a thousand lines."""
    lines = [{"name": "Tea", "price": 1.5, "count": 2}] * 1000
    row = "<tr><td>{{ l.name }}<td>{{ '%s' ~ l.price * l.count }}</tr>"

    html = made("{% for l in lines %}" + row + "{% endfor %}", lines=lines)

    assert html is not None
    assert html.count("<tr>") == 1000


def test_values_are_printed_as_json_says_them() -> None:
    """`None` and `True` are words of Python, and no customer's."""
    assert made("[{{ a }}|{{ b }}|{{ c }}|{{ d }}]", a=None, b=True, c=0, d=1.5) == "[|true|0|1.5]"
