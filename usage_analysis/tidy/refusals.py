"""Errors for frames that are not canonical, each with what mends the frame."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from usage_analysis.errors import QueryError

#: Texts of the errors by name, why columns may be missing, and the kinds of columns.
TEXTS: dict[str, Any] = tomllib.loads(
    Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8")
)


def refusal(why: str, /, **values: object) -> QueryError:
    """Return the error with a text of `refusals.toml`, filled in with values."""
    return QueryError(TEXTS[why].format(**values))
