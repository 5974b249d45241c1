"""The account's key: held where no repr, traceback or pickle shows it, and taken out of texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

KEY_VARIABLE = "ULTRAVOX_API_KEY"
SAMPLE_KEY = "sample00.notasecretnotasecretnotasecret00"
"""The sample account's key: no secret, and good for nothing else."""
_HIDDEN = "[key]"
_SECRET_FROM = 8  # shorter parts of a key are common words

Source = str | Callable[[], str] | None


class Key(NamedTuple):
    """Closures over the key; nothing looks into those."""

    give: Callable[[], str]
    """The key for the next request; it may be one that `problem` finds fault with."""
    hide: Callable[[str], str]
    """A text without the key that was given last."""
    hide_bytes: Callable[[bytes | bytearray], bytes]
    """A body without it."""


def held(source: Source) -> Key:
    """The key of a text, a function or, for None, the environment."""
    given: Callable[[], str] = str  # what is secret of the last key: not its public prefix

    def give() -> str:
        nonlocal given
        value = source() if callable(source) else source
        value = os.environ.get(KEY_VARIABLE, "") if value is None else value
        value = value.strip() if isinstance(value, str) else "\0"
        secret = value.rpartition(".")[2]
        given = lambda: secret if len(secret) >= _SECRET_FROM else value  # noqa: E731
        return value

    def hide(text: str) -> str:
        return text.replace(given(), _HIDDEN) if given() else text

    def hide_bytes(body: bytes | bytearray) -> bytes:
        return bytes(body.replace(given().encode(), _HIDDEN.encode()) if given() else body)

    return Key(give, hide, hide_bytes)


def looked_at(key: Key) -> tuple[str | None, bool]:
    """What is wrong with a key, as `problem_with` says it, and whether it is the sample account's.

    The key is asked for once, and no frame of the caller's holds it.
    """
    value = key.give()
    return problem_with(value), value == SAMPLE_KEY


def problem_with(value: str) -> str | None:
    """What is wrong with a key, in words without it; None for nothing."""
    if not value:
        return (
            f"api_key: expected a key, got none; set {KEY_VARIABLE} or pass api_key=, or try the "
            "sample account, which needs none (sample_client(), --account sample)"
        )
    if not (value.isascii() and value.isprintable()) or " " in value:
        return "api_key: expected text of visible ASCII characters, got others"
    return None
