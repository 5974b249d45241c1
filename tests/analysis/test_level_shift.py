"""Lasting shifts: found on their day, and not where the level is constant. Covers level_changes."""

from __future__ import annotations

from tests.analysis.simulated import days
from usage_analysis.analysis.control import control_chart
from usage_analysis.analysis.rate_series import level_shift


def test_a_shift_of_the_level_is_told_from_a_constant_one() -> None:
    """A step by three quarters is found on its day to within two; equal days shift nowhere."""
    chart = control_chart(days([20] * 10 + [35] * 10, 1000), baseline=days([27, 28] * 10, 1000))
    shift = level_shift(chart.assign(signal=False))
    assert shift is not None
    assert shift.certain
    assert shift.start == chart.index[10]
    assert (shift.before, shift.after) == (0.02, 0.035)
    steady = level_shift(control_chart(days([20, 21, 19] * 10, 1000)))
    assert steady is not None
    assert not steady.certain
    assert steady.steady
    few = level_shift(control_chart(days([1, 0, 2] * 10, 100)))
    assert few is not None
    assert not few.steady
    assert level_shift(control_chart(days([2, 1, 2], 100))) is None
    assert level_shift(control_chart(days([0] * 9, 100))) is None
