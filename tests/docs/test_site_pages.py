"""The pages of the documentation: their code runs, and their commands are ones that there are."""

import inspect
import re
import shlex
import tomllib
from pathlib import Path

import pytest

import usage_analysis as ua
from usage_analysis import cli
from usage_analysis.report import rules

DOCS = Path(__file__).resolve().parents[2] / "docs"
BLOCK = re.compile(r"^```(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    path
    for path in DOCS.rglob("*.md")
    if not {"_build", "gallery"} & {*path.relative_to(DOCS).parts}
)


def blocks(path: Path, kinds: set[str]) -> list[str]:
    """Return the code blocks of a page in some languages."""
    found = BLOCK.findall(path.read_text(encoding="utf-8"))
    return [text for kind, text in found if kind in kinds]


WITH_CODE = [path for path in PAGES if blocks(path, {"{example}"})]
WITH_COMMANDS = [path for path in PAGES if blocks(path, {"sh"})]


def commands_of(text: str) -> list[list[str]]:
    """Return the arguments of each `usage-analysis` in lines of a shell, up to a pipe."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=True)
        words.whitespace_split = True
        command: list[str] | None = None
        for word in words:
            if Path(word).name == "usage-analysis":
                command = []
                found.append(command)
            elif set(word) <= set("|&;<>()"):
                command = None
            elif command is not None:
                command.append(word)
    return found


def name_of(path: Path) -> str:
    """Return the name of a page, such as `how/wire`."""
    return path.relative_to(DOCS).with_suffix("").as_posix()


@pytest.mark.parametrize("path", WITH_CODE, ids=name_of)
def test_examples_run(path):
    """The examples of a page run one after the other, without a key and a network."""
    names = {}
    for code in blocks(path, {"{example}"}):
        exec(compile(code, str(path), "exec"), names)  # noqa: S102
    assert names["ua"] is ua


@pytest.mark.parametrize("path", WITH_COMMANDS, ids=name_of)
def test_commands_are_ones_that_there_are(path):
    """Each line with `usage-analysis` is one that the parser of the command line accepts."""
    for text in blocks(path, {"sh"}):
        for arguments in commands_of(text):
            assert callable(cli._parser().parse_args(arguments).run)


def test_commands_are_found_in_lines():
    """A command ends at a pipe, a redirection or a comment, and continues after a backslash."""
    line = "0 * * * * usage-analysis check a.toml \\\n  --json > b.json || curl x  # note\n"
    assert commands_of(line) == [["check", "a.toml", "--json"]]


def test_code_outside_recipes_is_run():
    """Pages have Python in examples only, which run; recipes have tests of their own."""
    pages = [path for path in PAGES if path.parent.name != "recipes"]
    assert [name_of(path) for path in pages if blocks(path, {"python", "py", "{code-block}"})] == []


def test_the_rules_on_the_page_are_valid():
    """The file of rules that the reference shows is one that the command accepts."""
    assert len(rules.read_rules(DOCS / "rules.toml").rule) == 2


@pytest.mark.parametrize("owner", [ua, ua.sample], ids=["usage_analysis", "sample"])
def test_every_public_name_has_a_topic(owner):
    """The reference has a topic for each module that has public names."""
    topics = tomllib.loads((DOCS / "_extensions" / "topics.toml").read_text(encoding="utf-8"))
    listed = {module for topic in topics.values() for module in topic["modules"]}
    stub = Path(owner.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    room = owner.__name__.partition(".")[2]
    for module in re.findall(r"^from \.([\w.]+) import", stub, re.MULTILINE):
        full = f"{room}.{module}".strip(".")
        assert any(f"{full}.".startswith(f"{each}.") for each in listed), full


def test_extras_are_those_of_the_package():
    """The table of extras in Get started names each extra for users, and no other."""
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    developers = {"benchmark", "browser", "dev", "docs", "release"}
    rows = re.findall(
        r"^\| (`.*?) \|", (DOCS / "start.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named == set(project["optional-dependencies"]) - developers


def test_there_are_pages_with_code_and_with_commands():
    """Pages are found, so that the tests above check something."""
    assert len(WITH_CODE) > 5
    assert len(WITH_COMMANDS) > 3


def test_every_function_and_class_has_an_example():
    """The docstring of each public function and class has an example, which runs as a doctest."""
    for module in (ua, ua.sample):
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isroutine(value) or inspect.isclass(value):
                assert ">>> " in inspect.getdoc(value), name
