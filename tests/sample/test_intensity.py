"""The expected calls of the sample account by hour."""

from datetime import date

import numpy as np
import pytest

from usage_analysis.sample.account import AGENTS, TODAY
from usage_analysis.sample.reply import midnight
from usage_analysis.sample.simulation import RandomBits, call_intensity, campaign_week
from usage_analysis.tidy.zones import DAY, HOUR

FRONT_DESK = [*AGENTS].index("Front desk")


def intensity_of(day):
    """Expected calls of the 24 hours from 05:00 UTC, which is midnight or 01:00 in New York."""
    first = midnight(TODAY) // HOUR - 365 * 24
    hours = np.arange(first, midnight(TODAY) // HOUR)
    start = midnight(day) // HOUR + 5 - first
    return call_intensity(RandomBits(0), hours, TODAY)[start : start + 24]


@pytest.mark.parametrize("day", [date(2025, 7, 9), date(2026, 1, 14)])
def test_callers_keep_local_hours(day):
    """In summer and in winter, the front desk gets its calls from 06:00 to 20:00 in New York."""
    local = intensity_of(day)[:, FRONT_DESK]
    summer = day.month == 7
    night = local[: 4 if summer else 5]  # until 05:00 in New York
    assert night.sum() < 0.01 * local.sum()


def test_holidays_are_quiet():
    """Thanksgiving has less than a quarter of the calls of the Thursday before."""
    thanksgiving, thursday = date(2025, 11, 27), date(2025, 11, 20)
    assert intensity_of(thanksgiving).sum() < intensity_of(thursday).sum() / 4


@pytest.mark.parametrize("today", [TODAY, date(2025, 1, 1), date(2024, 2, 29)])
def test_the_campaign_week_starts_on_a_monday(today):
    """The campaign week starts on a Monday, within the half-year before today."""
    start = campaign_week(today)
    assert date.fromordinal(date(1970, 1, 1).toordinal() + start).weekday() == 0
    assert 0 < midnight(today) // DAY - start < 183
