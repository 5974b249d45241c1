"""The API key: hidden from every repr, traceback and pickle, and removed from texts."""

import hashlib
import os
import re
import threading
from collections.abc import Callable
from typing import NamedTuple

from usage_analysis.errors import TEXTS

KEY_VARIABLE = "ULTRAVOX_API_KEY"
#: Key of the sample account; it is no secret and opens nothing else.
SAMPLE_KEY = "sample00.notasecretnotasecretnotasecret00"
_HIDDEN = "[key]"
_PREFIX = 8  # length of the public part of a key; a dot follows
_SECRET_FROM = 8  # shorter texts occur in ordinary words, which must not be hidden
_REMEMBERED = 100  # earlier keys, which late responses may still echo

#: What people paste along with a key, for messages.
_AROUND = {
    "with a name before it, such as ULTRAVOX_API_KEY=": r"(?i)^(\w+ |\$env:)?[a-z_-]+ ?[=:]",
    "with the word Bearer before it": r"(?i)^bearer\b",
    "with quotes": "^[\"'\u2018-\u201e`]|[\"'\u2018-\u201e`]$",
}

Source = str | Callable[[], str] | None


class Key(NamedTuple):
    """Functions over the key, which is in a closure: no repr or traceback shows closures."""

    #: Return the key for the next request; check it with `find_problem`.
    get: Callable[[], str]
    #: Replace keys in a text, in upper or lower case and with JSON escapes.
    hide: Callable[[str], str]
    #: Replace keys in a body.
    hide_bytes: Callable[[bytes | bytearray], bytes]


def wrap_key(source: Source) -> Key:
    """Wrap the key of a text, a function or, for None, the environment variable."""
    given: dict[str, re.Pattern[str]] = {}  # in order of use
    lock = threading.Lock()

    def get() -> str:
        value = source() if callable(source) else source
        value = os.environ.get(KEY_VARIABLE, "") if value is None else value
        value = value.strip() if isinstance(value, str) else "\0"
        if find_problem(value) is None:  # invalid keys are never sent, so no response echoes them
            secret = _secret(value)
            with lock:
                given[secret] = given.pop(secret) if secret in given else _pattern(secret)
                if len(given) > _REMEMBERED:
                    del given[next(iter(given))]
        return value

    def hide(text: str) -> str:
        with lock:
            patterns = list(given.values())
        for pattern in patterns:
            text = pattern.sub(_HIDDEN, text)
        return text

    def hide_bytes(body: bytes | bytearray) -> bytes:
        # Latin-1 has a character for every byte, and keys are ASCII.
        return hide(body.decode("latin-1")).encode("latin-1")

    return Key(get, hide, hide_bytes)


def _secret(key: str) -> str:
    prefix, _, secret = key.partition(".")
    return secret if len(prefix) == _PREFIX and len(secret) >= _SECRET_FROM else key


def _pattern(secret: str) -> re.Pattern[str]:
    """Return a pattern that matches a text, with or without JSON escapes."""
    text = "".join(rf"(?:\\?{re.escape(char)}|\\u00{ord(char):02x})" for char in secret)
    return re.compile(text, re.IGNORECASE)


def inspect_key(key: Key) -> tuple[str | None, bool, str]:
    """Return the problem with a key, or None; True for the sample account's key; and a digest.

    Only this function has the key in a variable, so no traceback of the caller shows it.
    """
    value = key.get()
    return (
        find_problem(value),
        value == SAMPLE_KEY,
        hashlib.sha256(value.encode(errors="replace")).hexdigest(),
    )


def find_problem(value: str) -> str | None:
    """Return the problem with a key, without quoting the key, or None."""
    if not value:
        return str(TEXTS["no_key"])
    for got, pattern in _AROUND.items():
        if re.search(pattern, value):
            return str(TEXTS["quoted_key"].format(got=got))
    if not (value.isascii() and value.isprintable()) or " " in value:
        return "api_key: expected visible ASCII characters, got others; copy the key again"
    return None
