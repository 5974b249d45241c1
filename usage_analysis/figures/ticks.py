"""Scales: clocks that are the frame's own, amounts that count from 0."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib import dates as mdates
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from usage_analysis.figures.axes import Floats, is_narrow
from usage_analysis.figures.wording import compact
from usage_analysis.tidy.zones import zone_of


def dates_of(index: pd.DatetimeIndex) -> Floats:
    """Matplotlib's numbers of instants [days since 1970, UTC]."""
    numbers: Floats = mdates.date2num(index.tz_convert("UTC").tz_localize(None).to_numpy())
    return numbers


def time_axis(ax: Axes, frame: pd.DataFrame, *, ticks: int | None = None) -> Floats:
    """Matplotlib dates of a frame's rows, on an axis whose ticks follow the frame's own clock."""
    zone = zone_of(frame)
    index = pd.DatetimeIndex(frame.index)
    most = ticks or (5 if is_narrow(ax) else 9)
    locator = mdates.AutoDateLocator(tz=zone, minticks=min(3, most), maxticks=most)
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator, tz=zone))
    numbers = dates_of(index)
    if len(numbers) == 0:
        ax.xaxis.set_major_locator(NullLocator())
        ax.xaxis.set_major_formatter(NullFormatter())
    else:
        low, high = numbers.min(), numbers.max()
        margin = max((high - low) * 0.02, 0.5)
        ax.set_xlim(low - margin, high + margin)
    ax.set_xlabel(f"date [{zone}]", loc="left", fontsize=8)
    return numbers


def from_zero(ax: Axes, values: NDArray[np.floating], *, room: float = 1.08) -> None:
    """Let the y axis count from 0, with whole steps and no offset."""
    finite = values[np.isfinite(values)]
    top = np.max(finite, initial=0.0)
    ax.set_ylim(0, top * room if top > 0 else 1)
    ax.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=bool(top > 5)))
    ax.yaxis.set_major_formatter(FuncFormatter(compact))


def percents(ax: Axes) -> None:
    """Let the y axis say that it is in percent."""
    ax.yaxis.set_major_locator(MaxNLocator(6))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
