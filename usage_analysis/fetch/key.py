"""The account's key: held where no repr, traceback or pickle shows it, and taken out of texts."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from typing import NamedTuple

KEY_VARIABLE = "ULTRAVOX_API_KEY"
SAMPLE_KEY = "sample00.notasecretnotasecretnotasecret00"
"""The sample account's key: no secret, and good for nothing else."""
_HIDDEN = "[key]"
_PREFIX = 8  # of a key, public; a dot follows
_SECRET_FROM = 8  # shorter parts of a key are common words
_REMEMBERED = 100  # keys that answers under way may still show

Source = str | Callable[[], str] | None


class Key(NamedTuple):
    """Closures over the key; nothing looks into those."""

    give: Callable[[], str]
    """The key for the next request; it may be one that `problem` finds fault with."""
    hide: Callable[[str], str]
    """A text without the keys that were given, in whatever case and with whatever JSON escapes."""
    hide_bytes: Callable[[bytes | bytearray], bytes]
    """A body without them."""


def wrap_key(source: Source) -> Key:
    """The key of a text, a function or, for None, the environment."""
    given: dict[str, tuple[re.Pattern[str], re.Pattern[bytes]]] = {}  # the latest secret last
    lock = threading.Lock()

    def give() -> str:
        value = source() if callable(source) else source
        value = os.environ.get(KEY_VARIABLE, "") if value is None else value
        value = value.strip() if isinstance(value, str) else "\0"
        if find_problem(value) is None:  # others are not sent
            secret = _secret(value)
            with lock:
                given[secret] = given.pop(secret) if secret in given else _patterns(secret)
                if len(given) > _REMEMBERED:
                    del given[next(iter(given))]
        return value

    def patterns() -> list[tuple[re.Pattern[str], re.Pattern[bytes]]]:
        with lock:
            return list(given.values())

    def hide(text: str) -> str:
        for found, _ in patterns():
            text = found.sub(_HIDDEN, text)
        return text

    def hide_bytes(body: bytes | bytearray) -> bytes:
        for _, found in patterns():
            body = found.sub(_HIDDEN.encode(), body)
        return bytes(body)

    return Key(give, hide, hide_bytes)


def _secret(key: str) -> str:
    prefix, _, secret = key.partition(".")
    return secret if len(prefix) == _PREFIX and len(secret) >= _SECRET_FROM else key


def _patterns(secret: str) -> tuple[re.Pattern[str], re.Pattern[bytes]]:
    """Expressions for a text as it is, or with characters of it escaped as JSON may do."""
    text = "".join(rf"(?:\\?{re.escape(char)}|\\u00{ord(char):02x})" for char in secret)
    return re.compile(text, re.IGNORECASE), re.compile(text.encode(), re.IGNORECASE)


def inspect_key(key: Key) -> tuple[str | None, bool]:
    """What is wrong with a key, as `find_problem` says it, and whether it is the sample account's.

    The key is asked for once, and no frame of the caller's holds it.
    """
    value = key.give()
    return find_problem(value), value == SAMPLE_KEY


def find_problem(value: str) -> str | None:
    """What is wrong with a key, in words without it; None for nothing."""
    if not value:
        return (
            f"api_key: expected a key, got none; set {KEY_VARIABLE} or pass api_key=, or try the "
            "sample account, which needs none (sample_client(), --account sample)"
        )
    if not (value.isascii() and value.isprintable()) or " " in value:
        return "api_key: expected text of visible ASCII characters, got others"
    return None
