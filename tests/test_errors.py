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
    """Each call of `refusal` names a text and gives exactly its fields, and each text is used."""
    used = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "refusal":
                name = node.args[0].value
                used.add(name)
                given = {keyword.arg for keyword in node.keywords}
                if None not in given:  # no dictionary of values
                    assert given == fields(TEXTS[name]), f"{path.name}: {name}"
                else:
                    assert given - {None} <= fields(TEXTS[name]), f"{path.name}: {name}"
    assert used == {name for name, text in TEXTS.items() if isinstance(text, str)}
