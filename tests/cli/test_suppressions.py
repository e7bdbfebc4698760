"""`mail-sender suppressions`: the list by hand, and files of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from .conftest import Ended, Run
from .scripted import Cuts, Says, ScriptedGateway

ENTRY = {
    "address": "ann@example.net", "reason": "complaint", "origin": "provider:ses",
    "created_at": "2030-01-01T00:00:00Z", "expires_at": None, "note": "by phone",
}  # fmt: skip
FILE = b"address,reason\r\nann@example.net,complaint\r\n"


def ask(run: Run, gateway: ScriptedGateway, *tokens: str, stdin: bytes = b"") -> Ended:
    return run("suppressions", *tokens, "--url", gateway.url, "--key", "k", stdin=stdin)


def test_the_list_is_shown_with_its_filters(run: Run) -> None:
    """The flags are the API's own words."""
    with ScriptedGateway(Says(200, {"data": [ENTRY], "next_cursor": None})) as gateway:
        ended = ask(
            run, gateway, "list", "--address", "ann", "--reason", "complaint", "--origin",
            "provider:ses",
        )  # fmt: skip

    assert parse_qs(urlsplit(gateway.asked[0].path).query) == {
        "q": ["ann"], "reason": ["complaint"], "origin": ["provider:ses"], "limit": ["50"],
    }  # fmt: skip
    assert "ann@example.net" in ended.out
    assert "by phone" in ended.out


def test_addresses_are_added_together_and_a_bad_one_is_told(run: Run) -> None:
    """Status 1, so that a script notices; the others are on the list all the same."""
    problem = {"code": "invalid_request", "errors": [{"pointer": "/x", "detail": "no domain"}]}
    results = [
        {"status": 201, "result": "added", "suppression": ENTRY},
        {"status": 422, "problem": problem},
    ]
    with ScriptedGateway(Says(200, {"data": results})) as gateway:
        ended = ask(
            run, gateway, "add", "ann@example.net", "bob", "--reason", "complaint",
            "--expires", "2031-05-01T00:00:00Z", "--note", "by phone",
        )  # fmt: skip

    same = {
        "reason": "complaint", "expires_at": "2031-05-01T00:00:00+00:00", "note": "by phone",
    }  # fmt: skip
    assert gateway.asked[0].body == {
        "suppressions": [{"address": "ann@example.net", **same}, {"address": "bob", **same}]
    }
    assert ended.status == 1
    assert "added" in ended.out
    assert "no domain" in ended.out


def test_more_than_a_call_may_have_are_added_in_several(run: Run) -> None:
    """`xargs mail-sender suppressions add` has no limit of 1000."""
    with ScriptedGateway(Says(200, {"data": []})) as gateway:
        ask(run, gateway, "add", *(f"u{n}@example.net" for n in range(1001)))

    assert [len(asked.body["suppressions"]) for asked in gateway.asked] == [1000, 1]


def test_addresses_are_removed_one_by_one(run: Run) -> None:
    """One that is not on the list does not keep the others from being removed."""
    unknown = Says(404, {"code": "not_found", "detail": "There is no such resource."})
    with ScriptedGateway(unknown, Says(200, ENTRY)) as gateway:
        ended = ask(run, gateway, "remove", "a/b@example.net", "ann@example.net", "--json")

    assert [asked.path for asked in gateway.asked] == [
        "/v1/suppressions/a%2Fb%40example.net", "/v1/suppressions/ann%40example.net",
    ]  # fmt: skip
    assert ended.status == 1
    assert [each["removed"] for each in ended.document["data"]] == [None, ENTRY]


def test_a_file_is_imported_and_its_bad_lines_are_told(run: Run, place: Path) -> None:
    """From a file, or from another program's output."""
    (place / "list.csv").write_bytes(FILE)
    done = {
        "added": 1, "changed": 0, "known": 2, "bad": 1,
        "bad_lines": [{"line": 7, "detail": "the address is empty"}],
    }  # fmt: skip
    with ScriptedGateway(Says(200, done)) as gateway:
        ended = ask(run, gateway, "import", "list.csv", "--reason", "hard_bounce")
        ask(run, gateway, "import", stdin=FILE)

    assert [asked.body for asked in gateway.asked] == [FILE, FILE]
    assert gateway.asked[0].headers["content-type"] == "text/csv"
    assert urlsplit(gateway.asked[0].path).query == "reason=hard_bounce"
    assert ended.status == 1
    assert "1 added, 0 changed, 2 known, 1 bad" in ended.out
    assert "line 7: the address is empty" in ended.out


def test_the_list_is_exported_as_it_comes(run: Run, place: Path) -> None:
    """To standard output, or into a file that is only there when it is whole."""
    with ScriptedGateway(Says(200, FILE, {"Content-Type": "text/csv"})) as gateway:
        ended = ask(run, gateway, "export", "--origin", "provider")
        ask(run, gateway, "export", "--to", "list.csv")

    assert urlsplit(gateway.asked[0].path).query == "origin=provider"
    assert ended.out.encode() == FILE
    assert (place / "list.csv").read_bytes() == FILE


def test_an_export_that_breaks_leaves_no_file(run: Run, place: Path) -> None:
    """Half a list that is imported elsewhere lets mail through that was kept away."""
    cut = {"Content-Length": "1000", "Content-Type": "text/csv", "Connection": "close"}
    for answer in (Says(200, FILE, cut), Cuts(), Says(503, {"code": "x", "detail": "no"})):
        with ScriptedGateway(answer) as gateway:
            ended = ask(run, gateway, "export", "--to", "list.csv")

        assert ended.status == 1
        assert list(place.iterdir()) == []


def test_an_export_as_json_is_one_document(run: Run) -> None:
    """For programs that read JSON anyway."""
    with ScriptedGateway(Says(200, {"data": [ENTRY], "next_cursor": None})) as gateway:
        ended = ask(run, gateway, "export", "--json")

    assert ended.document == {"data": [ENTRY]}
