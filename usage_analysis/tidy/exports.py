"""Tables of other platforms that are summed by hour already."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pandas as pd

from usage_analysis.errors import refusal
from usage_analysis.tidy import tables
from usage_analysis.tidy.frames import check_kind
from usage_analysis.tidy.wire import MEASURES
from usage_analysis.tidy.zones import HOUR


def to_reply(frame: pd.DataFrame, columns: Mapping[str, str | None]) -> bytes:
    """Return a table with one row per UTC hour as a reply; see `CallUsage.from_hourly`.

    Raises
    ------
    QueryError
        There is no time or no talk, or rows are not whole hours.
    """
    check_kind("frame", frame, pd.DataFrame)
    frame = frame.reset_index(drop=frame.index.name is None)
    own = tables.choose_columns(frame, columns, known := ("time", *MEASURES))
    tables.warn_of_columns(frame, own, known)
    is_interval = "time" in own and own["time"].astype(str).str.contains("/").any()
    if is_interval:
        own["time"], own["end"] = (own["time"].str.split("/").str[place] for place in (0, 1))
    time = tables.read_times("time", own)
    # The lengths of intervals, or what the distances of all rows are multiples of.
    steps = np.gcd.reduce(np.diff(np.sort(time)))
    apart = tables.read_times("end", own) - time if is_interval else steps
    if not len(time) or np.any(time % HOUR) or np.any(apart > HOUR):
        raise refusal("no_hours_apart", hours=np.max(apart, initial=0) / HOUR)
    instants = pd.DatetimeIndex(time.view("M8[us]"))
    rows = pd.DataFrame({"date": instants.strftime("%Y-%m-%d"), "hour": instants.hour})
    for name, word in MEASURES.items():
        if name in own:
            numbers = own[name] if name == "duration" else pd.to_numeric(own[name], errors="coerce")
            if (odd := numbers.isna().to_numpy()).any():
                raise refusal("no_count", name=name, got=own[name][odd.argmax()], row=odd.argmax())
            rows[word] = numbers.convert_dtypes()
    rows["duration"] = tables.read_durations("duration", own)
    daily = rows.drop(columns="hour").groupby("date", as_index=False).sum()
    for table in (daily, rows):
        table["duration"] = [f"{talk / 1e6:.6f}s" for talk in table["duration"].tolist()]
    document = {"daily": daily, "hourly": rows}
    return msgspec.json.encode({key: table.to_dict("records") for key, table in document.items()})
