"""Print environment.yml: ``python tests/tools/environment.py > environment.yml``."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def conda_specs(*extras: str) -> list[str]:
    """Return Python and the dependencies, with those of extras, under their conda-forge names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    for extra in extras:
        wanted += project["optional-dependencies"][extra]
    specs = []
    for spec in sorted(wanted):
        name, bounds = re.fullmatch(r"([a-z0-9-]+)(?:\[.*\])?(.*)", spec).groups()
        if name != project["name"]:
            specs.append(f"{CONDA_NAMES.get(name, name)}{bounds}")
    return [f"python{project['requires-python']}", *specs]


def render() -> str:
    """Return the text of environment.yml: what the package and its notebooks need."""
    python, *others = conda_specs("lab")
    lines = [f'  - "{spec}"' for spec in (python, "pip", *others)]
    head = ["name: usage-analysis", "channels:", "  - conda-forge", "dependencies:"]
    return "\n".join([*head, *lines, "  - pip:", "      - --no-deps -e .", ""])


if __name__ == "__main__":
    print(render(), end="")
