"""The account's key: held where no repr, traceback or pickle shows it, and taken out of texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

KEY_VARIABLE = "ULTRAVOX_API_KEY"
_HIDDEN = "[key]"
_SECRET_FROM = 8  # shorter parts of a key are common words

Source = str | Callable[[], str] | None


class Key(NamedTuple):
    """Closures over the key; nothing looks into those."""

    give: Callable[[], str]
    """The key for the next request; it may be one that `problem` finds fault with."""
    hide: Callable[[str], str]
    """A text without the key that was given last."""
    hide_bytes: Callable[[bytes], bytes]
    """A body without it."""


def held(source: Source) -> Key:
    """The key of a text, a function or, for None, the environment."""
    given: Callable[[], list[str]] = list  # the last key and its secret part

    def give() -> str:
        nonlocal given
        value = source() if callable(source) else source
        value = os.environ.get(KEY_VARIABLE, "") if value is None else value
        value = value.strip() if isinstance(value, str) else "\0"
        parts = [value, value.rpartition(".")[2]]
        given = lambda: [part for part in parts if len(part) >= _SECRET_FROM]  # noqa: E731
        return value

    def hide(text: str) -> str:
        for part in given():
            text = text.replace(part, _HIDDEN)
        return text

    def hide_bytes(body: bytes) -> bytes:
        for part in given():
            body = body.replace(part.encode(), _HIDDEN.encode())
        return body

    return Key(give, hide, hide_bytes)


def problem(value: str) -> str | None:
    """What is wrong with a key, in words without it; None for nothing."""
    if not value:
        return (
            f"api_key: expected a key, got none; set {KEY_VARIABLE} or pass api_key=, or try the "
            "sample account, which needs none (sample_client(), --account sample)"
        )
    if not (value.isascii() and value.isprintable()) or " " in value:
        return "api_key: expected text of visible ASCII characters, got others"
    return None
