"""What is uploaded: archives, metadata, recipe, citation, forms and workflows."""

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest
import yaml

import usage_analysis as ua
from tests.tools.environment import conda_specs

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
REPOSITORY = PYPROJECT["project"]["urls"]["Source"]
# A key of the vendor: eight public characters, a dot, 32 secret ones.
KEY = re.compile(rb"(?<![\w.-])[A-Za-z0-9_-]{8}\.[A-Za-z0-9_-]{32}(?![\w.-])")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def load(path):
    """Return the content of a YAML file of the repository."""
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build both archives; return their files by name, and the metadata."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    (source,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    files = {}
    with tarfile.open(source) as archive:
        for member in archive.getmembers():
            files[member.name.partition("/")[2]] = archive.extractfile(member).read()
    with zipfile.ZipFile(wheel) as archive:
        wheels = {name: archive.read(name) for name in archive.namelist()}
    return files, wheels, message_from_bytes(files["PKG-INFO"])


def test_no_key_is_uploaded(built):
    """Neither archive has a key, but for the public one of the sample account."""
    for files in built[:2]:
        found = {key for content in files.values() for key in KEY.findall(content)}
        assert found == {ua.sample.KEY.encode()}


def test_only_the_package_is_uploaded(built):
    """The archives have every tracked file of the package, and no tests, caches or environments."""
    listed = subprocess.run(
        ["git", "ls-files", "usage_analysis"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    source, wheel, _ = built
    package = {name for name in listed.stdout.split() if (ROOT / name).exists()}
    assert {name for name in source if name.startswith("usage_analysis/")} >= package
    assert {name for name in wheel if ".dist-info/" not in name} >= package
    rest = {name for name in source if not name.startswith("usage_analysis/")}
    assert rest == {"PKG-INFO", ".gitignore", "CHANGELOG.md", "CITATION.cff", "LICENSE",
                    "README.md", "pyproject.toml"}  # fmt: skip
    for name in (*source, *wheel):
        assert not re.search(r"__pycache__|_cache/|\.venv|_build|\.ipynb_checkpoints", name)


def test_metadata_is_complete(built):
    """The version is the package's, and author, licence, Python and addresses are given."""
    metadata = built[2]
    assert metadata["Version"] == ua.__version__
    assert metadata["Author"]
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == PYPROJECT["project"]["requires-python"]
    addresses = dict(line.split(", ") for line in metadata.get_all("Project-URL"))
    assert addresses.keys() >= {"Homepage", "Documentation", "Changelog", "Issues", "Source"}


def test_the_long_description_leaves_no_relative_address(built):
    """Pictures and links of the long description are absolute, and lead to files that exist."""
    described = built[2].get_payload(decode=True).decode()
    targets = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", described)
    assert len(targets) > 3
    raw = REPOSITORY.replace("//github.com", "//raw.githubusercontent.com")
    for target in targets:
        if target.startswith("#"):
            continue
        assert target.startswith("https://"), target
        for start in (f"{raw}/main/", f"{REPOSITORY}/blob/main/"):
            if target.startswith(start):
                assert (ROOT / target.removeprefix(start).partition("#")[0]).exists(), target
    assert any(target.startswith(raw) for target in targets)


def test_the_version_stands_in_one_place():
    """The recipe and the citation follow the version of the package."""
    assert load("recipe/recipe.yaml")["context"]["version"] == ua.__version__
    assert load("CITATION.cff")["version"] == ua.__version__
    assert "version" in PYPROJECT["project"]["dynamic"]


def test_the_recipe_requires_what_the_package_requires():
    """The recipe for conda has the dependencies and the build requirements of pyproject.toml."""
    recipe = load("recipe/recipe.yaml")
    wanted = recipe["requirements"]
    assert sorted(spec.replace(" ", "") for spec in wanted["run"]) == sorted(conda_specs())
    host = {spec.replace(" ", "") for spec in wanted["host"]}
    python = f"python{PYPROJECT['project']['requires-python']}"
    assert host == {python, "pip", *PYPROJECT["build-system"]["requires"]}
    (entry,) = recipe["build"]["python"]["entry_points"]
    ((name, target),) = PYPROJECT["project"]["scripts"].items()
    assert entry == f"{name} = {target}"


def test_the_citation_has_what_its_format_requires():
    """CITATION.cff has the keys that version 1.2.0 of the format requires."""
    citation = load("CITATION.cff")
    assert citation["cff-version"] == "1.2.0"
    assert citation.keys() >= {"message", "title", "authors"}
    assert all("name" in author for author in citation["authors"])


def test_the_repository_has_one_address():
    """Every file that names the repository names the address in pyproject.toml."""
    places = [
        "CITATION.cff",
        "SECURITY.md",
        "recipe/recipe.yaml",
        ".github/ISSUE_TEMPLATE/config.yml",
    ]
    for place in places:
        text = (ROOT / place).read_text(encoding="utf-8")
        addresses = re.findall(r"https://github\.com/[\w-]+/[\w-]+", text)
        assert addresses, place
        assert set(addresses) == {REPOSITORY}, place


@pytest.mark.parametrize("name", ["bug", "feature"])
def test_a_form_asks_for_what_its_format_allows(name):
    """A form has a name, a description, and fields of known kinds with unique IDs and a label."""
    form = load(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert form["name"]
    assert form["description"]
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert {field["type"] for field in fields} <= {"checkboxes", "dropdown", "input", "textarea"}
    assert len({field["id"] for field in fields}) == len(fields)
    assert all(field["attributes"]["label"] for field in fields)


def test_the_workflow_runs_the_script_of_ci():
    """Linux runs `.ci/run`; Windows and macOS run the plain tests."""
    jobs = load(".github/workflows/ci.yml")["jobs"]
    everything = [step.get("run") for step in jobs["everything"]["steps"]]
    assert jobs["everything"]["runs-on"].startswith("ubuntu")
    assert ".ci/run" in everything
    others = jobs["plain"]
    assert set(others["strategy"]["matrix"]["os"]) == {"macos-latest", "windows-latest"}
    assert "python -m pytest" in [step.get("run") for step in others["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_have_few_rights(path):
    """A workflow reads the repository and no more, pins its actions, and has a time limit."""
    workflow = load(path)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))


def test_files_are_opened_with_an_encoding():
    """The package names the encoding of every text file, because Windows has another default."""
    for path in (ROOT / "usage_analysis").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            given = {keyword.arg for keyword in node.keywords}
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            if name == "read_text":
                assert node.args or "encoding" in given, place
            elif name == "write_text":
                assert len(node.args) > 1 or "encoding" in given, place
            elif name == "open" and ast.unparse(node.func) not in ("os.open", "webbrowser.open"):
                modes = [each.value for each in node.args if isinstance(each, ast.Constant)]
                assert "b" in str(modes[-1:]) or "encoding" in given, place
