"""Texts of errors, which stand in a data file."""

import ast
from pathlib import Path
from string import Formatter

import usage_analysis
from usage_analysis.errors import TEXTS

PACKAGE = Path(usage_analysis.__file__).parent


def fields(text):
    """Return the names of the values in a text."""
    return {
        field.split("[")[0].split(".")[0] for _, field, _, _ in Formatter().parse(text) if field
    }


def test_each_error_has_its_text():
    """Each call of `refusal` or `error_of` gives exactly the fields of its text; each is used."""
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("TEXTS"):
                used |= {
                    part.value for part in ast.walk(node.slice) if isinstance(part, ast.Constant)
                }
            if not isinstance(node, ast.Call):
                continue
            place = {"refusal": 0, "error_of": 1}.get(
                ast.unparse(node.func).removeprefix("errors.")
            )
            if place is None or path.name == "errors.py":
                continue
            given = {keyword.arg for keyword in node.keywords}
            for name in (
                p.value for p in ast.walk(node.args[place]) if isinstance(p, ast.Constant)
            ):
                used.add(name)
                if None not in given:  # no dictionary of values
                    assert given == fields(TEXTS[name]), f"{path.name}: {name}"
                else:
                    assert given - {None} <= fields(TEXTS[name]), f"{path.name}: {name}"
    used = {name for name in used if isinstance(TEXTS.get(name), str)}
    assert used == {name for name, text in TEXTS.items() if isinstance(text, str)}
