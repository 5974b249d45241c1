"""Quantiles: our series beside SciPy's."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from usage_analysis.analysis.intervals import student


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 6, 10, 30, 1000])
def test_student_quantiles(freedom: int) -> None:
    """Student's quantile is SciPy's, far out as well as near."""
    for confidence in (0.5, 0.95, 0.998):
        exact = stats.t.ppf((1 + confidence) / 2, freedom)
        assert student(confidence, freedom) == pytest.approx(exact, rel=1e-10)
    assert student(0.95, 10_000) == pytest.approx(stats.t.ppf(0.975, 10_000), rel=1e-6)
    assert student(0.95, math.inf) == pytest.approx(stats.norm.ppf(0.975))
