"""Simulated accounts: the group that was planted comes first, and no group where none is behind it.

Covers explain, too: its judgement of groups is that of `cause`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.analysis.agents import account, plant
from usage_analysis.analysis.cause import Event, judge_groups

MEASURES = ("total_count", "error_rate", "join_rate", "average_call_duration", "billed_minutes")
SUMS = ["total_count", "error_count", "joined_count", "duration", "billed_minutes"]
DAYS = 58


def cells(rng: np.random.Generator, voices: int = 4) -> pd.DataFrame:
    """Return hours by agent and voice: each agent's calls are divided over the voices at random."""
    parts = []
    for _, rows in account(rng, days=DAYS, per_day=float(rng.choice([400, 800, 2000]))).groupby(
        "agent"
    ):
        share = rng.dirichlet(np.full(voices, 2.0))
        joined = rng.multinomial(rows["joined_count"], share)
        failed = np.minimum(rows["error_count"], rows["total_count"] - rows["joined_count"])
        others = rng.multinomial(rows["total_count"] - rows["joined_count"] - failed, share)
        failed = rng.multinomial(failed, share)
        weight = joined * rng.gamma(np.maximum(joined, 1)) / np.maximum(joined, 1)
        weight = weight / np.maximum(weight.sum(1, keepdims=True), 1e-9)
        for voice in range(voices):
            own = rows.assign(
                total_count=joined[:, voice] + failed[:, voice] + others[:, voice],
                error_count=failed[:, voice],
                joined_count=joined[:, voice],
                duration=(rows["duration"] * weight[:, voice]).dt.floor("us"),
                billed_minutes=rows["billed_minutes"] * weight[:, voice],
            )
            own.insert(1, "voice", f"voice {voice}")
            parts.append(own)
    return pd.concat(parts)


def by(hourly: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the breakdown of the cells by agent or voice."""
    sums = hourly.groupby([name, "time"])[SUMS].sum().reset_index(name)
    return sums.assign(provisional=False)


def judge(
    hourly: pd.DataFrame, measure: str, start: pd.Timestamp, hours: int, above: bool | None = None
) -> Any:
    """Return the judgement of both dimensions."""
    whole = hourly.groupby("time")[SUMS].sum().assign(provisional=False)
    parts = {name: by(hourly, name) for name in ("agent", "voice")}
    end = start + pd.Timedelta(hours=hours)
    return judge_groups({"": whole} | parts, Event(measure, start, end, above))


def periods(rng: np.random.Generator, count: int) -> Iterator[tuple[str, pd.Timestamp, int]]:
    """Yield a measure and hours in the last days, one measure after the other."""
    first = pd.Timestamp("2026-06-01", tz="UTC") + pd.Timedelta(days=DAYS - 2)
    for at in range(count):
        hours = int(rng.choice([3, 6, 12, 24]))
        yield (
            MEASURES[at % len(MEASURES)],
            first + pd.Timedelta(hours=int(rng.integers(6, 14))),
            hours,
        )


def planted(hourly: pd.DataFrame, measure: str, group: str, start: pd.Timestamp, hours: int) -> Any:
    """Return cells in which one agent or voice has a trouble of a measure, and its direction."""
    kind = {"total_count": "calls", "error_rate": "errors"}.get(measure, "longer")
    size = {"calls": 0.2, "errors": 0.4, "longer": 3.0}[kind]
    columns = [group.split()[0], *(name for name in hourly if name not in ("agent", "voice"))]
    rest = hourly.drop(columns=columns)
    rows = hourly[columns]
    if measure == "join_rate":
        inside = (rows.iloc[:, 0] == group).to_numpy() & (rows.index >= start)
        inside &= rows.index < start + pd.Timedelta(hours=hours)
        joined = np.random.default_rng(7).binomial(rows["joined_count"], 0.4)
        rows = rows.assign(joined_count=rows["joined_count"].where(~inside, joined))
    else:
        rows = plant(rows, group, kind, str(start.tz_localize(None)), hours, size)
    return pd.concat([rest, rows], axis=1), measure not in ("total_count", "join_rate")


def count_first(accounts: int, plants: int) -> tuple[int, int]:
    """Return how often the planted group comes first, and how many were planted."""
    first = tried = 0
    for seed in range(accounts):
        rng = np.random.default_rng(seed)
        usual = cells(rng)
        for measure, start, hours in periods(rng, plants):
            name = str(rng.choice(["agent", "voice"]))
            inside = usual[
                (usual.index >= start) & (usual.index < start + pd.Timedelta(hours=hours))
            ]
            size = inside.groupby(name)["total_count"].sum()
            group = str(rng.choice(size.index[size >= min(60, size.max())]))
            bad, above = planted(usual, measure, group, start, hours)
            found = judge(bad, measure, start, hours, above=above)
            first += (found["dimension"][0], found["group"][0]) == (name, group)
            tried += 1
    return first, tried


def count_told(accounts: int, windows: int, factor: float = 1.0) -> tuple[int, int]:
    """Return in how many hours without a cause a group differs beyond chance, and of how many."""
    told = tried = 0
    for seed in range(1000, 1000 + accounts):
        rng = np.random.default_rng(seed)
        usual = cells(rng)
        for measure, start, hours in periods(rng, windows):
            hourly = usual if factor == 1 else raised(rng, usual, start, hours, factor)
            told += bool(judge(hourly, measure, start, hours)["probability"].min() <= 0.05)
            tried += 1
    return told, tried


def raised(
    rng: np.random.Generator, usual: pd.DataFrame, start: pd.Timestamp, hours: int, factor: float
) -> pd.DataFrame:
    """Return cells whose calls, errors and lengths all rise by one factor in some hours."""
    out = usual.reset_index()
    rows = out[(out["time"] >= start) & (out["time"] < start + pd.Timedelta(hours=hours))]
    sums = usual.groupby(["agent", "voice"])[SUMS].sum()
    rate, mean = (
        share.reindex(pd.MultiIndex.from_frame(rows[["agent", "voice"]])).to_numpy()
        for share in (
            sums["error_count"] / sums["total_count"],
            sums["duration"].dt.total_seconds() / sums["joined_count"],
        )
    )
    joined = rows["joined_count"] + rng.poisson(rows["joined_count"] * (factor - 1))
    calls = joined + rng.poisson((rows["total_count"] - rows["joined_count"]) * factor)
    # Call lengths with a coefficient of variation of 1.2.
    talk = factor * mean * rng.gamma(np.maximum(joined, 1e-9) / 1.44) * 1.44
    out.loc[rows.index, "duration"] = pd.to_timedelta((1e6 * talk).astype(np.int64), unit="us")
    out.loc[rows.index, "billed_minutes"] = talk / 60
    out.loc[rows.index, "error_count"] = rng.binomial(calls, np.minimum(rate * factor, 1))
    out.loc[rows.index, "joined_count"], out.loc[rows.index, "total_count"] = joined, calls
    return out.set_index("time")


def test_the_planted_group_comes_first() -> None:
    """Of ten planted troubles of an agent or a voice, at least nine have their group first."""
    first, tried = count_first(1, 10)
    assert (first >= 9, tried) == (True, 10)


@pytest.mark.slow
def test_the_planted_group_comes_first_in_many_accounts() -> None:
    """Of 100 planted troubles in ten accounts, at least 90 have their group first."""
    first, tried = count_first(10, 10)
    assert (first >= 90, tried) == (True, 100)


@pytest.mark.parametrize("factor", [1.0, 2.5], ids=["quiet", "all groups rise"])
def test_no_group_is_told_where_none_is_behind_it(factor: float) -> None:
    """In quiet hours, and where every group rises by one factor, at most one of ten tells one."""
    told, tried = count_told(1, 10, factor)
    assert (told <= 1, tried) == (True, 10)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 2.5], ids=["quiet", "all groups rise"])
def test_no_group_is_told_in_many_accounts(factor: float) -> None:
    """Without a cause, at least 95 of 100 periods in ten accounts tell of no group."""
    told, tried = count_told(10, 10, factor)
    assert (told <= 5, tried) == (True, 100)
