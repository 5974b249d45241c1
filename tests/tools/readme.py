"""Print README's Python as one module, for a type checker: ``python tests/tools/readme.py``."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def code() -> str:
    """Return README's blocks of Python, one after the other."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))


if __name__ == "__main__":
    print(code())
