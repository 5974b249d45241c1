"""Causes in words: the group behind an event, and the factors behind a changed bill."""

from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from usage_analysis.analysis import vocabulary as say
from usage_analysis.analysis.cost_effects import FACTORS
from usage_analysis.analysis.meaning import Meaning, meaning_of, restore_attributes
from usage_analysis.analysis.statements.statement import Statement

_NAME: Final = 40


def describe_cause(found: pd.DataFrame | pd.Series, *, meaning: Any = None) -> str:
    """Return in words what is behind an event, or behind a changed bill.

    Parameters
    ----------
    found
        Result of `explain` or of `explain_cost`.
    meaning
        ``attrs["meaning"]`` of the original result, for a table that lost it.

    Returns
    -------
    str
        A sentence with the group, its part of the excess with a 95 % interval, the number of groups
        compared, and the dates; or with what each factor adds to the bill.

    Raises
    ------
    QueryError
        `found` is no result of these helpers.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> found = ua.explain(ua.sample_client(), measure="error_rate", start="2026-03-19T13:00Z",
    ...                    end="2026-03-19T18:00Z", by=["agent"])
    >>> print(ua.describe_cause(found))
    Agent Support line had 86 of the 86 failed calls more than expected (100 % of the excess, 95 %
    interval 92 to 100 %; 6 groups compared), 2026-03-19 13:00 to 2026-03-19 18:00 (UTC) against the
    same hours of the week since 2026-01-22.
    """
    of = meaning_of(found, "explain", "explain_cost", meaning=meaning, name="found")
    if isinstance(found, pd.DataFrame) and of.made_by == "explain":
        return state_cause(found, of).sentence
    return state_bill(found, of).sentence


def state_cause(found: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State which group is behind an event, or that no group stands out."""
    meaning = meaning_of(found, "explain", meaning=meaning, name="found")
    found = restore_attributes(found, meaning)
    left_out = ", ".join(found.attrs.get("left_out", ()))
    end = f"{say.several(len(found), 'group')} compared"
    end += f"{f', none of {left_out}' if left_out else ''}){meaning.when}."
    seen, usual = (found.attrs[name] for name in ("observed", "expected"))
    measure = str(meaning.event or meaning.measure)
    unit = say.UNITS["duration" if measure == "average_call_duration" else measure]
    if meaning.event == "joined_count":
        unit = "calls that nobody joined"
    source = state_source(found, meaning)
    own = found.attrs.get("within")
    within = "" if own is None else f"within {own}, "
    if not source.title:
        title = say.sentence_case(f"{within}no group differs from the others beyond chance")
        sums = f"{_whole(seen)} {unit} against {_whole(usual)} expected"
        return Statement(title, f"{title} ({sums}; {end}")
    top, total = found.iloc[0], abs(seen - usual)
    excess = abs(top["excess"])
    than = f"{unit} {'more' if found.attrs['above'] else 'fewer'} than expected"
    many = f"{_whole(excess)} {than}, and all calls together {_whole(total)}"
    if top["share"] > 0 and top["low"] <= 1:
        many = f"{_whole(min(excess, total))} of the {_whole(total)} {than}"
    title = say.sentence_case(f"{within}{source.title} had {many}")
    return Statement(title, f"{title} ({source.sentence}; {end}", urgent=True)


def state_source(found: pd.DataFrame, meaning: Meaning | None = None) -> Statement:
    """State in clauses the most likely source and its share of the excess; nothing by chance."""
    meaning, top = meaning_of(found, "explain", meaning=meaning), found.iloc[0]
    if not top["probability"] <= 1 - meaning.level:
        return Statement("", "")
    kind = str(top["dimension"]).rpartition(".")[2].replace("_", " ")
    name = f"{kind} {say.shorten(str(top['group']), _NAME)}"
    if pd.isna(top["low"]):
        return Statement(name, "its share of the excess is too uncertain to tell")
    # Above 1 only where the data tell it from 1: the others then changed the other way.
    most = 1.0 if top["low"] <= 1 else np.inf
    low, share, high = map(say.part, top[["low", "share", "high"]].astype(float).clip(0.0, most))
    ends = f"{low.removesuffix(' %')} to {high}"
    return Statement(name, f"{share} of the excess, {say.level(meaning.level)} interval {ends}")


def state_bill(found: pd.DataFrame | pd.Series, meaning: Meaning | None = None) -> Statement:
    """State how a bill changed, and what each factor of it adds to the change."""
    meaning = meaning_of(found, "explain_cost", meaning=meaning, name="found")
    table = found.to_frame().T if isinstance(found, pd.Series) else found
    sums = {str(name): float(value) for name, value in table.sum().items()}
    form = say.money if "price" in sums else partial(say.counted, measure="billed_minutes")
    size, bill = form(abs(sums["change"])), form(sums["current"])
    title = f"The bill {'rose' if sums['change'] > 0 else 'fell'} by {size} to {bill}"
    if size == form(0.0):
        title = f"The bill did not change: {bill}"
    parts = {name.replace("_", " "): sums[name] for name in FACTORS if name in sums}
    if len(table) > 1:
        changes: dict[Any, float] = table["change"].to_dict()
        top = max(changes, key=lambda name: abs(changes[name]))
        parts[f"of it {say.shorten(str(top), _NAME)}"] = changes[top]
    said = [f"{name} {'-' if one < 0 else '+'}{form(abs(one))}" for name, one in parts.items()]
    return Statement(title, f"{title} ({', '.join(said)}){meaning.when}.")


def _whole(value: float) -> str:
    """Return a number of calls or minutes, whole from ten on."""
    return say.amount(round(value, 0 if abs(value) >= 10 else 1))
