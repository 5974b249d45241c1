"""Quantiles: our expansions beside SciPy's."""

from __future__ import annotations

import pytest
from scipy import stats

from usage_analysis.analysis.intervals import student


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 6, 10, 30, 1000])
def test_student_quantiles(freedom: int) -> None:
    """Student's quantile is SciPy's to 1 % at 95 %."""
    assert student(0.95, freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=0.01)
