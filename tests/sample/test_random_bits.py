"""Random integers that never change."""

import numpy as np

from usage_analysis.sample.simulation import RandomBits


def test_the_stream_of_a_seed_never_changes():
    """Seed 0 of PCG64 gives these integers first, on every machine and with every NumPy."""
    first = [11749869230777074271, 4976686463289251617, 755828109848996024]
    assert RandomBits(0).draw(3).tolist() == first


def test_entries_of_a_table_are_equally_likely():
    """Each of 16 entries is drawn with probability 1/16, within 5 standard deviations."""
    drawn = np.bincount(RandomBits(1).draw_from(tuple(range(16)), 160_000), minlength=16)
    assert len(drawn) == 16
    assert np.abs(drawn - 10_000).max() < 5 * (160_000 / 16 * 15 / 16) ** 0.5
