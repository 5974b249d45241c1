"""Text on a figure: its heading, and labels beside lines."""

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from usage_analysis.analysis.vocabulary import shortened
from usage_analysis.errors import clean
from usage_analysis.figures.axes import figure_of, is_narrow, width_of
from usage_analysis.figures.provenance import Provenance, Subtitle, subtitle_of
from usage_analysis.figures.style import families, theme_in_use

_SHORTEST = 8
# Small text above the axes.
_SMALL: Final[dict[str, Any]] = {
    "textcoords": "offset points", "fontsize": 7.5, "va": "bottom", "annotation_clip": False,
    "clip_on": False,
}  # fmt: skip


def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Width of a line of text [points]."""
    return _text_width(text, size, weight, theme_in_use().fonts)


@lru_cache(maxsize=4096)
def _text_width(text: str, size: float, weight: str, fonts: tuple[str, ...]) -> float:
    font = FontProperties(family=families(fonts), size=size, weight=weight)
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def wrap_text(text: str, points: float, size: float, weight: str = "normal") -> str:
    """Break text into lines of a width [points]."""
    wide = text_width(text, size, weight)
    lines, longest = [text], len(text)
    # Characters differ in width, and those of one line from those of another.
    while wide > points and longest > _SHORTEST:
        longest = max(min(int(longest * points / wide), longest - 1), _SHORTEST)
        lines = textwrap.wrap(text, longest)
        wide = max(text_width(line, size, weight) for line in lines)
    return "\n".join(lines)


class Caption(NamedTuple):
    """Texts around a plot.

    Parameters
    ----------
    kind
        Kind of figure, the beginning of its alternative text.
    title
        Finding of the figure.
    key
        Explanation of marks that have no label beside them.
    names
        Labels of the y axis, if they are not numbers.
    empty
        Reason why the axes are empty; empty axes have no key.
    """

    kind: str
    title: str
    key: str = ""
    names: Sequence[str] = ()
    empty: str = ""


def write_caption(
    ax: Axes, caption: Caption, title: str | None, about: Provenance | None, data: Any
) -> None:
    """Write title, provenance and key above the axes, wrapped to their width.

    Parameters
    ----------
    title
        Title instead of the caption's.
    data
        Drawn table, which knows whether its data are from the sample account.
    """
    ax.set_label(caption.kind)
    if caption.empty:  # no scale, and the reason in the middle
        ax.set_yticks([])
        look: dict[str, Any] = {"ha": "center", "va": "center", "color": theme_in_use().muted}
        ax.text(0.5, 0.5, caption.empty, transform=ax.transAxes, fontsize=10, gid="nothing", **look)
    key = "" if caption.empty else caption.key
    beside = max((text_width(name, 8) for name in caption.names), default=32)
    points = (width_of(ax) - 0.6) * 72 - beside
    large = wrap_text(clean(title or caption.title), points * 0.97, 11, "bold")
    small = wrap_text(subtitle_of(about, data), points, 7.5)
    told = wrap_text(key, points, 7.5)
    above_key, above = 10.5 * _lines(told), 10.5 * (_lines(told) + _lines(small))
    ax.set_title(large, fontsize=11, fontweight="bold", pad=8 + above)
    if small:
        place = {"xy": (0, 1), "xytext": (0, 6 + above_key), "xycoords": "axes fraction"}
        ax.add_artist(subtitle(small, about, **place))
    if key:
        words = ax.annotate(told, (0, 1), (0, 6), xycoords="axes fraction", gid="key", **_SMALL)
        words.set_in_layout(False)


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def subtitle(text: str, about: Provenance | None, **place: Any) -> Subtitle:
    """Return the line of provenance below a title."""
    words = Subtitle(text, color=theme_in_use().muted, gid="subtitle", **place, **_SMALL)
    words.about = about
    # The title above it keeps its room; its width must not push the axes.
    words.set_in_layout(False)
    return words


def spread_out(places: Sequence[float], apart: float, room: float) -> list[float]:
    """Move positions apart until neighbours keep a distance, within 0 to `room`."""
    # Of equal places the first one named comes on top.
    order = np.lexsort((-np.arange(len(places)), np.asarray(places)))
    moved = np.asarray(places, dtype=np.float64)[order]
    steps = np.arange(len(moved)) * apart
    # Up from the bottom until none is too near the one below, then down from the top.
    moved = np.maximum.accumulate(np.maximum(moved, 0) - steps) + steps
    down = steps - steps.max(initial=0) + max(room, steps.max(initial=0))
    moved = np.minimum(moved, down)
    back: list[float] = moved[np.argsort(order)].tolist()
    return back


def leader(colour: str, width: float) -> dict[str, Any]:
    """Return the style of the line from a name to the object that it names."""
    return {"arrowstyle": "-", "color": colour, "lw": width, "shrinkA": 1, "shrinkB": 0,
            "relpos": (0, 0.5)}  # fmt: skip


def label_ends(ax: Axes, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write names at the right of the axes, each with a line in its colour to its height.

    Parameters
    ----------
    labels
        Height in data units, name, colour.
    """
    low, high = ax.get_ylim()
    # The axes are somewhat higher than this in the end, so that labels never touch.
    tall = figure_of(ax).get_size_inches()[1] * 72 * 0.55
    points = [(y - low) / (high - low) * tall for y, _, _ in labels]
    cells = 18 if is_narrow(ax) else 24
    names = shortened((name for _, name, _ in labels), cells)
    for (y, _, colour), name, at, own in zip(
        labels, names, spread_out(points, 10, tall), points, strict=True
    ):
        write_beside(ax, name, y, (14, at - own), arrowprops=leader(colour, 1.5), gid="label")


def write_beside(
    ax: Axes, text: str, height: float, offset: tuple[float, float], **look: Any
) -> None:
    """Write text at the right of the axes, moved [points] from a height in data units."""
    ax.annotate(
        text, (1, height), offset, xycoords=("axes fraction", "data"), va="center",
        textcoords="offset points", fontsize=8, **look,
    )  # fmt: skip
