"""The seed and the day of the sample account."""

from datetime import UTC, date, datetime

import numpy as np
import pytest

import usage_analysis as ua
from usage_analysis.sample import sample_client
from usage_analysis.sample.reply import midnight
from usage_analysis.sample.simulation import simulate


def test_a_year_that_is_a_leap_year():
    """Any day may be today, also the end of a February with 29 days."""
    calls = simulate(0, date(2024, 2, 29))
    assert len(calls) > 250_000
    assert calls.created[0] >= midnight(date(2023, 3, 1))


def test_today_may_be_text():
    """Today in ISO 8601 is the same as the date, and the client's Python says it."""
    with sample_client(today="2026-04-15") as client, sample_client(today=date(2026, 4, 15)) as own:
        assert client.today() == own.today() == date(2026, 4, 15)
        assert client.python == own.python == 'ua.sample_client(today="2026-04-15")'


@pytest.mark.parametrize("seed", [-1, 1.0, True, np.True_, np.float64(1), "0", None])
def test_bad_seeds(seed):
    """A seed is an integer from 0 up; anything else is refused by name."""
    with pytest.raises(ua.QueryError, match="seed"):
        sample_client(seed=seed)


@pytest.mark.parametrize(
    "today", ["1 April", date(1960, 1, 1), 20260401, datetime(2026, 4, 1, 23, tzinfo=UTC)]
)
def test_bad_days(today):
    """Today is a date from 1972 to 2200, not a datetime, whose hour would be lost."""
    with pytest.raises(ua.QueryError, match="today"):
        sample_client(today=today)
