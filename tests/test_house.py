"""The house rules that a machine can hold."""

import ast
import functools
import importlib
import inspect
import io
import json
import os
import pydoc
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import usage_analysis as ua
from tests.tools.environment import render

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "usage_analysis"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Who may import whom, by the first folder or file inside the package.
ALLOWED = {
    "errors": set(),
    "filters": {"errors"},
    "progress": set(),
    "query": {"errors", "filters"},
    "tidy": {"errors", "filters", "query", "tidy"},
    "fetch": {"errors", "progress", "query", "tidy", "fetch"},
    "archive": {"errors", "progress", "query", "tidy", "fetch", "archive"},
    # `explain` fetches with a client that it is given.
    "analysis": {"errors", "filters", "progress", "query", "tidy", "fetch", "analysis"},
    "figures": {"errors", "query", "tidy", "analysis", "figures"},
    "report": {"errors", "progress", "query", "tidy", "analysis", "figures", "report"},
    "sample": {"errors", "progress", "query", "tidy", "sample", "fetch"},
    "calls": {"errors", "query", "tidy", "fetch", "sample", "calls"},
    "dashboard": {
        "errors",
        "progress",
        "query",
        "tidy",
        "fetch",
        "calls",
        "archive",
        "analysis",
        "figures",
        "report",
        "sample",
        "dashboard",
    },
    "doctor": {"errors", "progress", "query", "tidy", "fetch", "doctor"},
    "cli": {
        "errors",
        "progress",
        "query",
        "tidy",
        "fetch",
        "analysis",
        "archive",
        "report",
        "dashboard",
        "sample",
        "calls",
        "doctor",
        "cli",
    },
    "__main__": {"cli"},
}
HOMES = {
    "httpx": {"fetch/transport.py", "sample/*"},
    "matplotlib": {"figures/*", "report/*", "dashboard/*"},
    "ipywidgets": {"dashboard/*"},
    "IPython": {"dashboard/*"},
    "msgspec": {"archive/*", "dashboard/*", "report/rules.py", "tidy/*"},
    "pyarrow": {"archive/*"},
    "duckdb": {"archive/sums.py"},
    "narwhals": {"archive/sums.py", "tidy/engines.py", "tidy/engine_sums.py"},
}


@functools.cache
def imports(path: Path) -> set[str]:
    """Every module that a file imports anywhere in it, apart from those for types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_layers(path):
    """A module imports only from the folders before it, and each library has its rooms."""
    place = path.relative_to(PACKAGE)
    room = place.parts[0].removesuffix(".py")
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "usage_analysis" and len(parts) > 1 and room != "__init__":
            assert parts[1] in ALLOWED[room], f"{place} imports {name}"
        if parts[0] in HOMES:
            assert any(place.match(home) for home in HOMES[parts[0]]), f"{place} imports {name}"


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others."""

    def reachable(start: str) -> set[str]:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph[waiting.pop()] - found
            found |= new
            waiting += new
        return found

    reach = {name: reachable(name) for name in graph}
    groups = {
        tuple(sorted(other for other in reach[name] if name in reach[other]))
        for name in graph
        if name in reach[name]
    }
    return [list(group) for group in sorted(groups)]


def import_graph(sources: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return the modules of the package that each one imports.

    `from usage_analysis.cli import app` in `cli/__init__.py` is an import of `app` alone.
    """
    return {name: (found & sources.keys()) - {name} for name, found in sources.items()}


def module_name(path: Path) -> str:
    """Dotted name of a file of the package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_no_two_modules_import_each_other():
    """No module imports itself through others, not even inside a function."""
    # The package's own __init__ loads every name lazily, so it is not part of a cycle.
    modules = [path for path in MODULES if path != PACKAGE / "__init__.py"]
    graph = import_graph({module_name(path): imports(path) for path in modules})
    assert cycles(graph) == []


def test_cycles_are_found():
    """A cycle over three modules, one of them reached by a late import, is reported once."""
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}
    assert cycles(graph) == [["a", "b", "c"]]


# Names that say nothing about the content of a module.
VAGUE = {"common", "helpers", "misc", "util", "utils"}


@pytest.mark.parametrize("folder", [PACKAGE, ROOT / "tests"], ids=lambda folder: folder.name)
def test_no_vague_names(folder):
    """No module or folder is named after a lack of a subject, such as `utils`."""
    names = {part for path in folder.rglob("*.py") for part in path.relative_to(ROOT).parts}
    assert {name.removesuffix(".py").strip("_") for name in names} & VAGUE == set()


def code_lines(source: str) -> int:
    """Count lines with code: no blank lines, comments or docstrings."""
    skipped = {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in skipped:
            lines |= {*range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        # A text by itself is the docstring of a module, class, function or attribute.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= {*range(node.lineno, node.end_lineno + 1)}
    return len(lines)


def test_lines_of_code_are_counted():
    """A statement over two lines counts twice; comments and docstrings do not count."""
    assert code_lines('"""Doc."""\n\n# Comment\nx = (  # why\n    1)\n"""Of x."""\n') == 2


def test_package_stays_within_its_budget():
    """The package has at most 19,000 lines of code, so that a feature has to be worth its lines."""
    assert sum(code_lines(path.read_text(encoding="utf-8")) for path in MODULES) <= 19_000


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(PACKAGE).as_posix())
def test_files_stay_short(path):
    """No file of the package has more than 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_tests_mirror_modules():
    """The tests of cli/sync.py are in tests/cli/test_sync.py, or a docstring says where they are.

    The docstring of a test file names further modules after "Covers", those of another room with
    their room. Some modules of the dashboard have their tests in tests/browser.
    """
    modules = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in MODULES}
    modules = {name for name in modules if "__" not in name}
    for path in ROOT.glob("tests/**/test_*.py"):
        room = path.parent.relative_to(ROOT / "tests").as_posix().replace("browser", "dashboard")
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        _, _, covered = docstring.partition("Covers ")
        named = {path.stem.removeprefix("test_"), *re.findall(r"[\w/]+", covered)}
        modules -= {name if room == "." or "/" in name else f"{room}/{name}" for name in named}
    assert modules == set()


RIDDLE = re.compile(
    r"^(What|Which|Whether|Nothing|Those|How many|Who|Whose|Where|As |The same\b)"
    r"|\b(a day|an hour|a group|a row|beneath|told|those that|that which|of which)\b"
)
"""First lines of docstrings that begin with a relative clause, or say "a day" for "per day"."""

# Docstrings that still read like that, by room. Lower a number as you rewrite; never raise one.
RIDDLES_LEFT = {"analysis": 2}


def rooms() -> dict[str, list[Path]]:
    """Return the files of the package by their first folder, or by their name."""
    found: dict[str, list[Path]] = {}
    for path in MODULES:
        room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found.setdefault(room, []).append(path)
    found["tests/tools"] = sorted((ROOT / "tests" / "tools").glob("*.py"))
    return found


@pytest.mark.parametrize("room", rooms())
def test_docstrings_begin_plainly(room):
    """The first line of a docstring is a plain noun or says what the function does."""
    found = []
    for path in rooms()[room]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = (ast.get_docstring(node) or "").partition("\n")[0]
                if RIDDLE.search(first):
                    found.append(f"{path.relative_to(ROOT)}: {first}")
    assert len(found) <= RIDDLES_LEFT.get(room, 0), "\n".join(found)


def public_functions() -> dict[str, Callable]:
    """Return the public functions, and the public methods of public classes, by name."""
    found = {}
    for name in ua.__all__:
        value = getattr(ua, name)
        if inspect.isfunction(value):
            found[name] = value
        if inspect.isclass(value):
            for each in value.__mro__:
                if each.__module__.startswith("usage_analysis."):
                    methods = {key: of for key, of in vars(each).items() if inspect.isfunction(of)}
                    found |= {f"{name}.{key}": of for key, of in methods.items() if key[0] != "_"}
    return found


def test_functions_have_few_parameters():
    """No public function or method has more than ten parameters."""
    many = {
        name
        for name, function in public_functions().items()
        if len(inspect.signature(function).parameters.keys() - {"self"}) > 10
    }
    assert "Client.call_usage" in public_functions()
    assert many == set()


# What is promised to those who import by name; `ua.__all__` may hold more.
PROMISED = [
    "APIError",
    "AuthenticationError",
    "CallUsage",
    "Client",
    "Explorer",
    "Provenance",
    "QueryError",
    "RateLimitError",
    "ResponseError",
    "TransportError",
    "UsageError",
    "UsageQuery",
    "aggregate",
    "average_call_duration",
    "billing_overhead",
    "build_report",
    "burn_rate",
    "busy_hour",
    "capacity",
    "channels_for",
    "compare_periods",
    "control_chart",
    "cost",
    "describe_errors",
    "describe_month",
    "describe_peak",
    "erlang_b",
    "error_rate",
    "figure_style",
    "funnel",
    "in_timezone",
    "join_rate",
    "load_profile",
    "parse_duration",
    "parse_durations",
    "peak_hours",
    "project_month",
    "rate_difference",
    "reconcile",
    "rolling",
    "sample_client",
    "save_figure",
    "traffic_for",
    "traffic_intensity",
]


def test_public_names_are_sorted_and_there():
    """`ua.__all__` is sorted, holds what is promised, and every name in it can be had."""
    assert set(PROMISED) <= set(ua.__all__)
    assert list(ua.__all__) == sorted(set(ua.__all__))
    for name in ua.__all__:
        assert getattr(ua, name) is not None
    assert dir(ua) == ua.__all__
    assert "busy_hour" in pydoc.render_doc(ua)


def test_readme_names_what_is_there():
    """Every name that README's table of questions offers is public, or a client's."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| .*\?.* \| (.*) \|$", text, re.MULTILINE)
    names = {name for cell in cells for name in re.findall(r"`([\w.]+)(?:\(.*?\))?`", cell)}
    assert len(names) > 20
    known = {*dir(ua), *dir(ua.Client)}
    for name in names:
        assert name.removeprefix("usage_analysis.").removeprefix("client.").split(".")[0] in known


def test_a_stub_names_each_public_name_once():
    """The stub, from which `ua.__all__` is read, sorts its imports and re-exports each name."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text(encoding="utf-8"))
    names = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, f"type checkers do not re-export {alias.name}"
                names.append(alias.name)
    assert sorted(names) == ua.__all__


def test_unknown_name_is_an_attribute_error():
    """A name that is not public is refused by name."""
    with pytest.raises(AttributeError, match="no_such_name"):
        ua.no_such_name  # noqa: B018


def test_version_of_a_folder_that_was_never_installed(tmp_path):
    """A copy of the package without distribution metadata knows its version and its names."""
    site = tmp_path / "site"
    for name in ("usage_analysis", "lazy_loader"):
        folder = Path(importlib.import_module(name).__file__).parent
        shutil.copytree(folder, site / name, ignore=shutil.ignore_patterns("__pycache__"))
    code = "import usage_analysis as ua; print(ua.__version__, ua.UsageError.__name__)"
    run = [sys.executable, "-S", "-c", code]  # -S: without the folder of installed packages
    out = subprocess.run(
        run,
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert out.stdout.split() == [ua.__version__, "UsageError"]


def test_import_is_light():
    """`import usage_analysis` loads no other library, and a table no HTTP, figures or widgets."""
    heavy = ["pandas", "numpy", "httpx", "matplotlib", "ipywidgets", "msgspec", "scipy"]
    code = f"""
import sys, json, usage_analysis as ua
bare = [name for name in {heavy} if name in sys.modules]
ua.CallUsage, ua.aggregate, ua.error_rate, ua.busy_hour
table = [name for name in {heavy} if name in sys.modules]
print(json.dumps([bare, table]))
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    bare, table = json.loads(out.stdout)
    assert bare == []
    assert set(table) <= {"pandas", "numpy", "msgspec"}


def test_environment_yml_is_pyprojects():
    """environment.yml names what pyproject.toml names."""
    assert (ROOT / "environment.yml").read_text(encoding="utf-8") == render()


def test_every_dependency_is_bounded():
    """Each dependency has a floor; but for zone data, which only grows, and stubs, a ceiling."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    specs = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        specs += extra
    for spec in specs:
        if spec.startswith("usage-analysis["):
            continue
        assert ">=" in spec, spec
        assert "<" in spec or spec.startswith(("tzdata", "pandas-stubs")), spec


def test_nothing_of_this_machine_is_in_the_tree():
    """No tracked file names a path of a machine or a registry."""
    done = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    forbidden = re.compile(r"/(?:work|root|home)/\w|pythonhosted|pypi\.org")
    for name in filter(None, done.stdout.split("\0")):
        path = ROOT / name
        if path == Path(__file__) or not path.exists():
            continue
        found = forbidden.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{name}: {found}"
