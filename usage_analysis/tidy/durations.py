"""Exact parsing of durations to the microsecond.

The vendor sends decimal seconds (``"12.345678s"``). Its description names no format, so three other
common forms are read too. Any other text is an error that quotes it. A duration in a reply is a sum
over calls: it can be longer than a day and is never negative.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usage_analysis.errors import TEXTS, ResponseError

_FRACTION = r"(?:\.(?P<fraction>[0-9]{1,9}))?"
_SECONDS = rf"(?P<seconds>[0-9]+){_FRACTION}s"
_CLOCK = (
    r"(?:(?P<days>[0-9]+)(?: days?,)? )?"
    rf"(?P<hours>[0-9]+):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9]){_FRACTION}"
)
_ISO = (
    r"P(?=.)(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?(?:T(?=.)"
    rf"(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+){_FRACTION}S)?)?"
)
_FORMS = [re.compile(form, re.ASCII) for form in (_SECONDS, _CLOCK, _ISO)]
_UNITS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1}
# Seconds with at most 15 significant digits and 6 decimals: a float64 holds them to well under a
# microsecond, so the fast way through float64 below is exact.
_PLAIN = re.compile(r"(?:[0-9]{1,9}+(?:\.[0-9]{1,6}+)?s\n)*+", re.ASCII)
_LONGEST = np.iinfo(np.int64).max
_LONGEST_TEXT = 80  # int() refuses thousands of digits

Quoted = Callable[[str], str]


def _microseconds(text: str, quoted: Quoted = str) -> int:
    """Return the microseconds of one text; half a microsecond is rounded to even."""
    if not isinstance(text, str):
        raise ResponseError(f"expected a duration as text, got {type(text).__name__}")

    def not_as(expected: str) -> ResponseError:
        return ResponseError(f"expected {expected}, got {quoted(text)[:80]!r}")

    forms = _FORMS if len(text) < _LONGEST_TEXT else []
    match = next((m for form in forms if (m := form.fullmatch(text))), None)
    if match is None:
        raise not_as(TEXTS["durations"])
    parts = match.groupdict()
    if ":" in text and parts["days"] and int(parts["hours"]) > 23:
        raise not_as("hours from 0 to 23 beside days")
    seconds = sum(int(parts.get(unit) or 0) * size for unit, size in _UNITS.items())
    nanoseconds = seconds * 10**9 + int((parts["fraction"] or "").ljust(9, "0"))
    microseconds, rest = divmod(nanoseconds, 1000)
    microseconds += rest > 500 or (rest == 500 and microseconds % 2 == 1)
    if microseconds > _LONGEST:
        raise not_as("a duration below 292,000 years")
    return microseconds


def read_microseconds(texts: Sequence[str], quoted: Quoted = str) -> NDArray[np.int64]:
    """Return the microseconds of many texts, shape (n,).

    One regular expression looks at all texts at once, which is faster than one call per text.

    Parameters
    ----------
    quoted
        Function that makes a text safe to quote in an error, before it is cut.

    Raises
    ------
    ResponseError
        A text is none of the forms; the message starts with its place, ``[17]:``.
    """
    joined = "\n".join([*texts, ""]) if all(type(text) is str for text in texts) else "?"
    if _PLAIN.fullmatch(joined) and joined.count("\n") == len(texts):
        seconds = np.array(joined.replace("s", "").split(), dtype=np.float64)
        return np.rint(seconds * 1e6).astype(np.int64)
    out = np.empty(len(texts), dtype=np.int64)
    for place, text in enumerate(texts):
        try:
            out[place] = _microseconds(text, quoted)
        except ResponseError as error:
            raise ResponseError(f"[{place}]: {error}") from None
    return out


def parse_duration(text: str) -> pd.Timedelta:
    """Parse one duration to the microsecond; half a microsecond is rounded to even.

    Parameters
    ----------
    text
        Decimal seconds with an ``s``, ``[D ]HH:MM:SS[.f]``, ``1 day, 2:03:04`` or ISO 8601
        without years and months, with up to 9 decimals.

    Raises
    ------
    ResponseError
        The text is none of these, or negative.

    Examples
    --------
    >>> parse_duration("5790452.25s")
    Timedelta('67 days 00:27:32.250000')
    >>> parse_duration("1 day, 2:03:04") == parse_duration("P1DT2H3M4S")
    True
    """
    return pd.Timedelta(np.timedelta64(_microseconds(text), "us"))


@overload
def parse_durations(texts: pd.Series) -> pd.Series: ...
@overload
def parse_durations(texts: Iterable[str]) -> pd.TimedeltaIndex: ...
def parse_durations(texts: Iterable[str] | pd.Series) -> pd.Series | pd.TimedeltaIndex:
    """Parse many durations, as timedelta64[us]: a Series for a Series, else a TimedeltaIndex.

    `pandas.to_timedelta` reads ``"5"`` as 5 ns, an empty text as missing, and ``"1 02:03:04"`` as
    more than four days. This function reads only the four forms of `parse_duration`.

    Raises
    ------
    ResponseError
        A text is none of the forms; the message starts with its place, ``[17]:``.

    Examples
    --------
    >>> parse_durations(["300s", "0.5s"]).total_seconds().tolist()
    [300.0, 0.5]
    """
    durations = read_microseconds(list(texts)).view("m8[us]")
    if isinstance(texts, pd.Series):
        return pd.Series(durations, index=texts.index, name=texts.name)
    return pd.TimedeltaIndex(durations)
