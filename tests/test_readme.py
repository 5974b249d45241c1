"""README: short, with links that lead somewhere, commands that exist and code that runs."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

import usage_analysis as ua
from usage_analysis import cli

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def anchors(text):
    """Return the anchors of the headings of a page, as GitHub makes them."""
    heads = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads}


def test_it_is_short():
    """README has at most 700 words, code included."""
    assert len(TEXT.split()) <= 700


def test_links_lead_somewhere():
    """Each relative link leads to a file of the repository, and its anchor to a heading."""
    links = re.findall(r"\]\((?!https?:)([^)]+)\)", TEXT)
    assert len(links) > 15
    for link in links:
        path, _, anchor = link.partition("#")
        assert (ROOT / path).is_file(), link
        if anchor:
            assert anchor in anchors((ROOT / path).read_text(encoding="utf-8")), link


def test_the_two_commands_set_everything_up():
    """Quick start has two lines of shell, the report before the tests; each makes the environment,
    installs, and runs a command that exists."""
    start = TEXT.partition("## Quick start")[2].partition("\n## ")[0]
    report, tests = re.findall(r"^```sh\n(.*)\n```$", start, re.MULTILINE)
    assert re.findall(r"^```sh\n(.*)\n```$", TEXT, re.MULTILINE) == [report, tests]
    for line in (report, tests):
        made, installed, _ = line.split(" && ")
        assert made == "python3 -m venv .venv"
        assert installed.startswith(".venv/bin/python -m pip install -q -e ")
    words = shlex.split(report.rpartition(" && ")[2])
    assert cli._parser().parse_args(words[1:]).account == "sample"
    assert tests.endswith("-m pytest")


def test_extras_are_those_of_the_package():
    """The table of extras has every extra that a user may want, and the size of each."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    table = TEXT.partition("| Extra |")[2].partition("\n\n")[0]
    named = re.findall(r"`([a-z]+)`", table)
    makers = {"benchmark", "browser", "docs", "release"}  # CONTRIBUTING has these
    assert {*named} == project["optional-dependencies"].keys() - makers
    assert len(re.findall(r"\d+ MB", table)) == len(named)


def test_the_maintainers_page_describes_every_folder():
    """CONTRIBUTING has a paragraph for each folder of the package, and each in its picture."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    picture = text.partition("```text")[2].partition("```")[0]
    for path in (ROOT / "usage_analysis").glob("*/__init__.py"):
        assert f"- **`{path.parent.name}/`**" in text
        assert f"{path.parent.name}/" in picture


@pytest.mark.slow
def test_the_python_runs(tmp_path, monkeypatch, capsys):
    """README's ten lines print the peak, and write a figure and a report."""
    (block,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    assert len(block.split("\n\n")[-1].splitlines()) <= 10
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(block, "README.md", "exec"), names)  # noqa: S102  # our own documentation
    assert capsys.readouterr().out == f"{ua.describe_peak(names['hourly'])}\n"
    assert (tmp_path / "errors.svg").stat().st_size > 10_000
    assert (tmp_path / "march" / "report.html").exists()
