"""Types of arrays, and their division."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Places in another array, or numbers of groups.
Places = NDArray[np.intp]
Values = NDArray[Any]


def ratio(above: Values, below: Values, empty: float = 0.0) -> Floats:
    """Return a ratio, and `empty` where the divisor is not positive."""
    above, below = np.broadcast_arrays(above, below)
    out = np.full(above.shape, empty)
    np.divide(above, below, out=out, where=below > 0)
    return out
