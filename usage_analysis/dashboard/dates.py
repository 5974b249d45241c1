"""Days of presets and comparisons, time zones, and the time zone of this machine."""

import os
import tomllib
from calendar import monthrange
from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final
from zoneinfo import available_timezones

from usage_analysis.analysis.selection import Days
from usage_analysis.errors import QueryError

CUSTOM: Final = "custom"
#: Labels of the choices on the page, and the figures of each tab.
LABELS: Final = tomllib.loads(
    (files("usage_analysis.dashboard") / "choices.toml").read_text(encoding="utf-8")
)
PRESETS: Final[dict[str, str]] = LABELS["presets"]
COMPARISONS: Final[dict[str, str]] = LABELS["comparisons"]
GRANULARITIES: Final[dict[str, str]] = LABELS["granularities"]
_LIMITS: Final = {"h": (1, 31), "D": (2, 800), "W": (15, 3000), "MS": (59, 10_000)}
_DAY: Final = timedelta(days=1)
_LOCALTIME: Final = Path("/etc/localtime")


def check_billing_day(day: object) -> int:
    """Return a valid day of the month for the start of a billing cycle.

    Raises
    ------
    QueryError
        No month has such a day.
    """
    if isinstance(day, int) and not isinstance(day, bool) and 1 <= day <= 31:
        return day
    raise QueryError(f"billing_day: expected a day of the month, 1 to 31, got {day!r}")


def days_of(preset: str, today: date, billing_day: int = 1) -> Days:
    """Return the local days of a preset; periods under way end today.

    Parameters
    ----------
    preset
        One of `PRESETS` but ``"custom"``.
    today
        Today's date in the selected time zone.
    billing_day
        Day of the month on which a billing cycle begins; in a shorter month, its last day.
    """
    month, yesterday = today.replace(day=1), today - _DAY
    cycle = _in_month(today, billing_day)
    if cycle > today:
        cycle = _in_month(month - _DAY, billing_day)
    quarter = month.replace(month=month.month - (month.month - 1) % 3)
    periods = {
        "today": Days(today, today),
        "yesterday": Days(yesterday, yesterday),
        **{f"last_{n}_days": Days(today - n * _DAY, yesterday) for n in (7, 30, 90)},
        "this_month": Days(month, today),
        "last_month": Days((month - _DAY).replace(day=1), month - _DAY),
        "this_quarter": Days(quarter, today),
        "year_to_date": Days(today.replace(month=1, day=1), today),
        "last_12_months": Days(today - 365 * _DAY, yesterday),
        "billing_cycle": Days(cycle, today),
    }
    if preset not in periods:
        raise QueryError(f"preset: expected one of {', '.join(PRESETS)}, got {preset!r}")
    return periods[preset]


def previous_days(days: Days, comparison: str) -> Days | None:
    """Return the days of the previous period; None without a comparison."""
    if comparison == "previous":
        return days.back(days.number)
    if comparison == "weekdays":
        return days.back(-(-days.number // 7) * 7)
    if comparison == "year":  # the same weekdays
        return days.back(52 * 7)
    return None


def granularities(days: Days) -> list[str]:
    """Return the buckets that suit a range: neither too many points nor a single one."""
    fits = [name for name, (low, high) in _LIMITS.items() if low <= days.number <= high]
    return fits or ["h"]


def nearest(granularity: str, allowed: list[str]) -> str:
    """Return the allowed bucket nearest to a granularity; days in a tie."""
    if granularity in allowed:
        return granularity
    order = list(GRANULARITIES)
    return min(allowed, key=lambda name: (abs(order.index(name) - order.index(granularity)), name))


def zones() -> list[str]:
    """Return the time zones of this machine, places first."""
    known = available_timezones()
    places = sorted(
        name for name in known if "/" in name and not name.startswith(("Etc/", "posix"))
    )
    return ["UTC", *places]


def machine_zone() -> str:
    """Return the IANA name of this machine's time zone; UTC where it is unknown."""
    known = available_timezones()
    linked = str(_LOCALTIME.resolve()).partition("zoneinfo/")[2]
    for name in (os.environ.get("TZ", "").lstrip(":"), linked):
        if name in known:
            return "UTC" if name.startswith("Etc/") else name
    return "UTC"


def _in_month(day: date, wanted: int) -> date:
    return day.replace(day=min(wanted, monthrange(day.year, day.month)[1]))
