"""Units of time of calls, and their billing."""

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from usage_analysis.sample.reply import SECOND, billed_tenths, midnight
from usage_analysis.tidy.zones import instant_of, microseconds


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001  # Hypothesis wants naive bounds
def test_times_survive_the_round_trip(moment):
    """A datetime converted to microseconds and back is the same; its UTC day starts before it."""
    number = microseconds(moment)
    assert instant_of(number) == moment
    assert instant_of(midnight(moment.date())) <= moment
    assert moment < instant_of(midnight(moment.date())) + timedelta(days=1)


def test_calls_are_billed_in_steps_of_six_seconds():
    """Each call is rounded up to a tenth of a minute; a free call costs nothing."""
    duration = np.array([0, 1, 6 * SECOND, 6 * SECOND + 1, 61 * SECOND, 61 * SECOND])
    free = np.array([False] * 5 + [True])
    assert billed_tenths(duration, free).tolist() == [0, 1, 1, 2, 11, 0]
