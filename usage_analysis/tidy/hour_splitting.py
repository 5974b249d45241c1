"""Division of UTC hours over the clock hours of a zone whose offset is not whole hours."""

from datetime import tzinfo
from typing import Any

import numpy as np
import pandas as pd

from usage_analysis.tidy import zones
from usage_analysis.tidy.grouping import groups_of, insert_group
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR, SLACK, Instants


def split_hours(
    hourly: pd.DataFrame, times: Instants, place: tzinfo, start: int, end: int
) -> pd.DataFrame:
    """Return a frame of whole UTC hours on clock hours, each row divided by elapsed time.

    `start` and `end` [us] bound a window with every clock hour that a row touches.
    """
    codes, groups = groups_of(hourly)
    where, known = zones.distinct(times)
    clock = zones.clock_hours(place, start, end)
    # Each UTC hour has one piece per clock hour that it touches, so each row has as many.
    first = np.searchsorted(clock.end, known, side="right")
    several = np.searchsorted(clock.start, known + HOUR, side="left") - first
    pieces = several[where]
    row = np.repeat(np.arange(len(times)), pieces)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    begin = times[row]
    hour = first[where][row] + nth
    until = np.minimum(clock.end[hour], begin + HOUR)
    overlap = (until - np.maximum(clock.start[hour], begin)) / HOUR
    key = codes[row] * len(clock.start) + hour
    present = np.zeros((int(codes.max()) + 1) * len(clock.start), dtype=np.bool_)
    present[key] = True
    found, spot = np.flatnonzero(present), (np.cumsum(present) - 1)[key]
    out: dict[str, Any] = {}
    for name in MEASURES:
        if name == "duration" and name in hourly:
            talk = hourly[name].to_numpy().astype("m8[us]", copy=False).view(np.int64)
            # Differences of rounded parts lose no microsecond.
            upto = np.rint(talk[row] * ((until - begin) / HOUR)).astype(np.int64)
            before = np.where(nth == 0, 0, np.append(0, upto[:-1]))
            parts = np.zeros(len(found), dtype=np.int64)
            np.add.at(parts, spot, upto - before)
            out[name] = parts.view("m8[us]")
        elif name in hourly:
            out[name] = np.bincount(spot, hourly[name].to_numpy()[row] * overlap)
    code, hour = np.divmod(found, len(clock.start))
    covered = np.bincount(spot, overlap)
    flags = np.zeros(len(found), dtype=np.bool_)
    flags[spot[hourly["provisional"].to_numpy(dtype=bool)[row]]] = True
    asked = clock.lengths
    if zones.has_gaps(known, known + HOUR):
        asked = zones.inside(clock, zones.clock_hours_of(known, known + HOUR))
    flags |= covered * HOUR < asked[hour] - SLACK
    index = zones.to_index(clock.start[hour], place)
    frame = pd.DataFrame({**out, "provisional": flags}, index=index)
    if np.any(asked[hour] < clock.lengths[hour]):
        frame["hours"] = covered
    frame.attrs["every"] = "h"
    return insert_group(frame, hourly, code, groups)
