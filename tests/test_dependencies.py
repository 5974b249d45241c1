"""What an installation brings is what the package imports, in the base and in each extra."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import usage_analysis as ua

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Voila brings nbformat, with which the page is written.
BROUGHT = {"nbformat": "voila"}
# zoneinfo and pandas read these data where the system has none.
DATA = {"tzdata"}


def names(specs):
    """Return the distributions of specifications, those of extras of our own included."""
    found = set()
    for spec in specs:
        name, extras = re.match(r"([a-z0-9-]+)(?:\[([a-z,-]+)\])?", spec).groups()
        if name == PROJECT["name"]:
            for extra in extras.split(","):
                found |= names(PROJECT["optional-dependencies"][extra])
        else:
            found.add(name)
    return found


BASE = names(PROJECT["dependencies"])
# What a user may add, as opposed to somebody who works on the package.
USERS = ("app", "archive", "dask", "holidays", "parquet", "spark")
EXTRAS = names(f"usage-analysis[{extra}]" for extra in USERS)


def imported():
    """Return the distributions that the package imports: at the top of modules, and anywhere."""
    distributions = packages_distributions()
    top, anywhere = set(), set()
    for path in (ROOT / "usage_analysis").rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [node.module or ""]
            else:
                continue
            for module in {module.partition(".")[0] for module in modules}:
                if module in sys.stdlib_module_names or module == "usage_analysis":
                    continue
                found = {name.lower().replace("_", "-") for name in distributions.get(module, ())}
                anywhere |= found or {module}
                if node in tree.body:
                    top |= found or {module}
    return top, anywhere


def test_the_base_is_what_the_package_imports():
    """Every module can be imported with the base alone, every import belongs to the base or an
    extra, and the base has nothing that no module imports."""
    top, anywhere = imported()
    assert top <= BASE
    assert {BROUGHT.get(name, name) for name in anywhere} <= BASE | EXTRAS
    assert anywhere >= BASE - DATA


def test_no_server_of_notebooks_is_loaded_by_a_cron_job(tmp_path):
    """A report and a check of rules load neither Jupyter nor any extra."""
    rules = tmp_path / "rules.toml"
    rules.write_text('timezone = "UTC"\n[[rule]]\nname = "lines"\nkind = "capacity"\nlimit = 500\n')
    code = f"""
import json, sys
from usage_analysis.cli import main
assert main(["check", {str(rules)!r}]) == 0
assert not main(["report", "--out", {str(tmp_path / "report")!r}, "--sections", "trend"])
print(json.dumps(sorted(name.partition(".")[0] for name in sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    # pandas loads pyarrow by itself where it is installed.
    unwanted = {"anywidget", "dask", "duckdb", "holidays", "ipywidgets", "jupyter_server", "voila"}
    assert "httpx" in loaded
    assert loaded & unwanted == set()
    assert ua.Explorer.__name__ not in loaded
