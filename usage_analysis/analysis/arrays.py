"""Types of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
#: Places in another array, or numbers of groups.
Places = NDArray[np.intp]
Values = NDArray[Any]
