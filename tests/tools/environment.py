"""Print environment.yml: ``python tests/tools/environment.py > environment.yml``."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONDA_NAMES = {"matplotlib": "matplotlib-base"}


def render() -> str:
    """Return the text of environment.yml: the dependencies, under their names on conda-forge."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = list(project["dependencies"])
    wanted += project["optional-dependencies"]["lab"]
    specs = [f"python{project['requires-python']}", "pip"]
    for spec in sorted(wanted):
        name, bounds = re.fullmatch(r"([a-z0-9-]+)(?:\[.*\])?(.*)", spec).groups()
        if name != project["name"]:
            specs.append(f"{CONDA_NAMES.get(name, name)}{bounds}")
    lines = [f'  - "{spec}"' for spec in specs]
    head = ["name: usage-analysis", "channels:", "  - conda-forge", "dependencies:"]
    return "\n".join([*head, *lines, "  - pip:", "      - --no-deps -e .", ""])


if __name__ == "__main__":
    print(render(), end="")
