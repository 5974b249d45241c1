"""Random integers that are the same on every machine and with every version of NumPy."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


class RandomBits:
    """Raw 64-bit integers of PCG64.

    NumPy promises never to change this stream; its distributions may change between versions.

    Parameters
    ----------
    seed
        Seed of the generator.
    """

    def __init__(self, seed: int) -> None:
        self._source = np.random.PCG64(seed)

    def draw(self, count: int) -> NDArray[np.uint64]:
        """Draw integers of 64 random bits."""
        return np.asarray(self._source.random_raw(count), dtype=np.uint64)

    def draw_from(self, table: Sequence[int], count: int) -> NDArray[np.int64]:
        """Draw entries of a table of 16, each with the same probability."""
        return np.array(table, dtype=np.int64)[(self.draw(count) >> 60).astype(np.intp)]
