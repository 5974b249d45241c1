"""Contrast of text, and distance of colours for each kind of colour vision."""

from collections.abc import Iterable
from itertools import combinations
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_rgb
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
_VISION: Final[dict[str, Floats]] = {
    "normal": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868],
                            [0.114503, 0.786281, 0.099216],
                            [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968],
                              [0.280085, 0.672501, 0.047413],
                              [-0.011820, 0.042940, 0.968881]]),
}  # fmt: skip
_TO_XYZ: Final = np.array([[0.4124564, 0.3575761, 0.1804375],
                           [0.2126729, 0.7151522, 0.0721750],
                           [0.0193339, 0.1191920, 0.9503041]])  # fmt: skip
_WHITE: Final = _TO_XYZ.sum(axis=1)

#: Least contrast of text with what is behind it (WCAG 2.2, 1.4.3).
CONTRAST: Final = 4.5
#: Least contrast of lines and bars with the page; Okabe and Ito's lightest has 2.25 with white.
LINE_CONTRAST: Final = 2.0
#: Least distance of two series in CIELAB, whatever the reader's colour vision.
APART: Final = 15.0


def _linear(colour: Any) -> Floats:
    coded = np.asarray(to_rgb(colour))
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)


def contrast(one: Any, other: Any) -> float:
    """Return the contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    lights = sorted(float(_TO_XYZ[1] @ _linear(colour)) + 0.05 for colour in (one, other))
    return lights[1] / lights[0]


def distance(one: Any, other: Any, *, vision: str = "normal") -> float:
    """Return the visible distance of two colours, ΔE*ab (CIE 1976): 2.3 is just noticeable.

    Parameters
    ----------
    one, other
        Anything that matplotlib takes for a colour.
    vision
        ``"normal"``, ``"protanopia"`` or ``"deuteranopia"``, simulated after Machado, Oliveira and
        Fernandes 2009.
    """
    first, second = (_lab(_VISION[vision] @ _linear(colour)) for colour in (one, other))
    return float(np.linalg.norm(first - second))


def keeps_order(heat: str) -> bool:
    """Return True if a colour map only grows lighter or only darker.

    The lightness L* of CIELAB decides: it remains on paper and for every colour vision.
    """
    steps = mpl.colormaps[heat](np.linspace(0, 1, 64))[:, :3]
    grows = np.diff([_lab(_linear(colour))[0] for colour in steps])
    return bool((grows > 0).all() or (grows < 0).all())


def _lab(linear: Floats) -> Floats:
    ratio = _TO_XYZ @ np.clip(linear, 0, 1) / _WHITE
    cube = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * cube[1] - 16, 500 * (cube[0] - cube[1]), 200 * (cube[1] - cube[2])])


def alike(colours: Iterable[Any]) -> list[str]:
    """Return a sentence for each pair of colours that some readers cannot tell apart."""
    found = []
    for one, other in combinations(dict.fromkeys(colours), 2):
        for vision in _VISION:
            seen = distance(one, other, vision=vision)
            if seen < APART:
                how = f"{seen:.0f} apart with {vision} vision, under {APART:.0f}"
                found.append(f"{one} and {other} are {how}")
                break
    return found
