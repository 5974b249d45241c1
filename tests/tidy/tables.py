"""Tables with the columns of the archive's files, and what sums of them must be."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

import usage_analysis as ua

HOUR = 3_600_000_000
MEASURES = ["total_count", "error_count", "joined_count", "duration", "billed_micro"]


def same(one, other):
    """Equal, to the last microsecond and micro-minute; `hours`, a sum of fractions, to 1e-12."""
    loose = {"check_freq": False, "check_index_type": False}
    pd.testing.assert_frame_equal(one, other, **loose, check_exact=False, rtol=1e-12)
    floats = [name for name in ("billed_minutes", "hours") if name in other]
    pd.testing.assert_frame_equal(
        one.drop(columns=floats), other.drop(columns=floats), **loose, check_exact=True
    )
    # A clock off the hour halves hours, and with them millionths of a minute.
    if "billed_minutes" in floats and other["total_count"].dtype.kind == "i":
        micro = [np.rint(frame["billed_minutes"].to_numpy() * 1e6) for frame in (one, other)]
        np.testing.assert_array_equal(*micro)


def instant(text):
    """Microseconds since 1970 of an instant, UTC."""
    return (pd.Timestamp(text, tz="UTC") - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us")


def random_table(rows, *, start, end, as_of=None, seed=0, scopes=5):
    """Each hour of a scope at most once, some numbers past what a float holds."""
    rng = np.random.default_rng(seed)
    first, last = instant(start), instant(end)
    hours = first + rng.integers(0, (last - first) // HOUR, rows) * HOUR
    table = pd.DataFrame({"scope": rng.integers(0, scopes, rows), "time": hours})
    table = table.drop_duplicates().sort_values(["scope", "time"], ignore_index=True)
    # Both ends, so that the window is the one asked for.
    table.loc[[0, len(table) - 1], "time"] = [first, last - HOUR]
    table["tenant"] = np.array(["acme", "öl & gas", "x"])[table["scope"] % 3]
    table["scope"] = np.array([f"scope {n}" for n in range(scopes)])[table["scope"]]
    for name, most in zip(MEASURES, [2**33, 2**31, 2**33, 2**50, 2**46], strict=True):
        table[name] = rng.integers(0, most, len(table))
    table["fetched"] = rng.integers(first, instant(as_of or end), len(table), endpoint=True)
    table.loc[len(table) // 2, "fetched"] = instant(as_of or end)
    return table


def write_parts(table, folder):
    """Paths of Parquet files that hold the table, one a UTC month in a folder of its name."""
    months = pd.to_datetime(table["time"], unit="us").dt.strftime("%Y-%m")
    paths = []
    for month, part in table.groupby(months):
        path = folder / month / f"{len(part)}.parquet"
        path.parent.mkdir(parents=True)
        encoded = part.assign(scope=part["scope"].astype("category"))
        pq.write_table(pa.Table.from_pandas(encoded, preserve_index=False), path)
        paths.append(str(path))
    return paths


def whole_frame(table, by, start, end, as_of):
    """Canonical hourly frame of a table, but with billed millionths of a minute."""
    ends = min(instant(end), instant(as_of) + 1)
    hours = np.arange(instant(start), ends, HOUR)
    frames = []
    for group, rows in table.groupby(by) if by else [(None, table)]:
        sums = rows.groupby("time")[MEASURES].sum().reindex(hours, fill_value=0)
        frame = sums.set_axis(pd.to_datetime(hours, unit="us", utc=True), axis=0)
        frame["duration"] = frame["duration"].astype("m8[us]")
        frame = frame.rename(columns={"billed_micro": "billed_minutes"})
        frame["provisional"] = hours + 3 * HOUR > instant(as_of)
        if by:
            frame.insert(0, by, group)
        frames.append(frame)
    return pd.concat(frames).rename_axis("time")


def expected(table, by, every, zone, start, end, as_of):
    """What `in_timezone` and `aggregate` make of the whole frame, integers to the end."""
    sums = ua.in_timezone(whole_frame(table, by, start, end, as_of), zone)
    if every != "h":
        sums = ua.aggregate(sums, every)
    return sums.assign(billed_minutes=sums["billed_minutes"] / 1e6)
