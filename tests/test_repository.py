"""What holds for the repository as a whole, so that no reviewer has to look for it."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from mail_sender import __version__

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "src" / "mail_sender").rglob("*.py"))

#: Written so that this file does not match itself.
REGISTRIES = re.compile(r"(py[p]i|python[h]osted|npm[j]s|deb[.]debian)[.](org|com)", re.IGNORECASE)
#: Directories of some developer's or build machine.
MACHINE_PATHS = re.compile(r"/(work|opt/wheels|opt/pypi|root|home/[a-z]+)/")


def repository_files() -> list[Path]:
    """Return every file that is, or will be, part of a commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in repository_files()
        for number, line in enumerate(
            path.read_text(encoding="utf-8", errors="replace").splitlines(), 1
        )
        if pattern.search(line)
    ]


def script(name: str) -> ModuleType:
    """Return a module of scripts/, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# ---------------------------------------------------------------- files


def test_no_file_names_a_registry() -> None:
    """Whoever builds it has a mirror: a lock file that names another place would go around it."""
    assert lines_with(REGISTRIES) == []


def test_no_file_names_a_directory_of_some_machine() -> None:
    """It would work on that machine only."""
    assert lines_with(MACHINE_PATHS) == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_every_module_says_what_it_is_for(path: Path) -> None:
    """A reader who opens any file learns first what the room is for."""
    if path.stat().st_size:
        doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        assert doc, f"{path} has no docstring"


def test_the_changelog_has_this_version() -> None:
    """What is released is described, and the next one has its place."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert f"## [{__version__}]" in text
    assert "## [Unreleased]" in text


def test_the_version_stands_in_one_form() -> None:
    """The package, the command and the API tell the same version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert project["version"] == __version__


# ---------------------------------------------------------------- requirements


def pinned(name: str) -> dict[str, str]:
    """Return the packages of a requirements file and their versions."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", text, re.MULTILINE))


def asked_for(name: str) -> set[str]:
    """Return the packages that a person wrote into an .in file."""
    text = (ROOT / "requirements" / f"{name}.in").read_text(encoding="utf-8")
    return {
        found.lower().replace("_", "-")
        for found in re.findall(r"^([A-Za-z0-9_.-]+)", text, re.MULTILINE)
        if not found.startswith("-")
    }


@pytest.mark.parametrize("name", ["build", "runtime", "node", "dev"])
def test_every_package_is_pinned_with_its_hashes(name: str) -> None:
    """What is installed tomorrow is what was tested today."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    entries = re.findall(r"^[A-Za-z0-9].*(?:\n +--hash=\S+.*)*", text, re.MULTILINE)

    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9_.-]+==\S+", entry), entry
        assert "--hash=sha256:" in entry, entry
    assert asked_for(name) <= {package.lower() for package in pinned(name)}, "make requirements"


def test_tests_run_with_the_versions_that_users_get() -> None:
    """A test against other versions proves nothing."""
    runtime, dev = pinned("runtime"), pinned("dev")

    assert {package: dev.get(package) for package in runtime} == runtime


# ---------------------------------------------------------------- Makefile and documentation


def targets() -> dict[str, str]:
    """Return the targets that `make help` lists, with their words."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z]+):.*?## (.+)$", text, re.MULTILINE))


def test_the_targets_of_the_interface_are_there() -> None:
    """Scripts of operators and build machines call them."""
    wanted = {"run", "test", "setup", "check", "bench", "lab", "chaos", "docs", "help"}

    assert wanted <= set(targets())


def test_make_help_lists_every_target() -> None:
    """The list is made from the comments, so it cannot lag behind."""
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        check=True, capture_output=True, text=True, cwd=ROOT,
    ).stdout  # fmt: skip

    assert {name: words for name, words in targets().items() if f"make {name} " in listed} == (
        targets()
    )


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_what_a_page_tells_to_make_can_be_made(page: str) -> None:
    """A command in the documentation that does not exist costs every reader a minute."""
    text = (ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE))

    assert named <= set(targets())


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")], ids=lambda path: path.name
)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    """A file that was renamed leaves no dead link behind."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))

    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_generated_pages_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    """The documentation says what the code says; `make docs` writes it."""
    status = script("generate_docs").main(["--check"])

    assert status == 0, capsys.readouterr().err


def test_a_stale_page_is_noticed_and_written(tmp_path: Path) -> None:
    """The check above can fail."""
    generator = script("generate_docs")
    vars(generator)["DOCS"] = tmp_path
    generator.main([])
    (tmp_path / "cli.md").write_text("old")

    assert generator.main(["--check"]) == 1
    assert (tmp_path / "cli.md").read_text() == "old"
    assert generator.main([]) == 0
    assert (tmp_path / "cli.md").read_text().startswith("# The command")


def test_every_setting_is_described() -> None:
    """The page is all that most operators read about a setting."""
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)`.*$", page, re.MULTILINE)

    assert len(rows) > 40
    for row in re.findall(r"^\| `.*$", page, re.MULTILINE):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
        assert len(cells) == 5, row
        assert cells[3], row
