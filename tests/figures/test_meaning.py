"""Every helper with every plot that takes its result: its words, units, levels and colours."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd
import pytest

import usage_analysis as ua
from tests.figures.drawings import frame, grouped
from usage_analysis.figures.style import Theme, alt_text

LEVELS = {0.5: "50 %", 0.8: "80 %", 0.95: "95 %"}
RATES = {"error_count": "error rate", "joined_count": "join rate"}
DENOMINATORS = {"total_count": "calls", "joined_count": "joined calls"}
# Lines that are red where less is better, and blue where more is.
COLOURS = {"error_count": Theme().alarm, "joined_count": Theme().main}
# Words of titles, names of axes and their units by measure.
MEASURES = {
    "total_count": ("calls", "calls", ""),
    "error_count": ("failed calls", "failed calls", ""),
    "joined_count": ("joined calls", "joined calls", ""),
    "duration": ("minutes of talk", "talk", "min"),
    "billed_minutes": ("billed minutes", "billed", "min"),
}


def axis(measure: str, every: str = "", of: str = "") -> str:
    """Name of an axis: what, and its unit per time."""
    _, name, unit = MEASURES[measure]
    told = f"{unit} {every}".strip()
    return f"{name}{of} [{told}]" if told else f"number{of} [{name}]"


@functools.cache
def hours() -> pd.DataFrame:
    """Two weeks of one series."""
    return frame(14 * 24, unfinished=0)


@functools.cache
def agents() -> pd.DataFrame:
    """Two weeks of two groups."""
    return grouped({"Support": 40, "Sales": 25}, hours=14 * 24)


def halves(hourly: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The second week and the first one."""
    first = hourly.index < hourly.index.min() + pd.Timedelta(days=7)
    return hourly[~first], hourly[first]


def days(hourly: pd.DataFrame) -> pd.DataFrame:
    """Whole days."""
    daily = ua.aggregate(hourly, "D")
    return daily[daily["complete"]]


@dataclass(frozen=True)
class Case:
    """A result, the plot that takes it, and what the figure has to say.

    `said` stands in title, alternative text or key; `axes` are the labels of both axes, a colour
    bar's included; `colours` are those of lines by their gid.
    """

    plot: Callable
    made: Callable[[], object]
    title: str
    kind: str
    axes: tuple[str, ...]
    key: str = ""
    colours: dict[str, str] = field(default_factory=dict)
    keywords: dict[str, object] = field(default_factory=dict)


def rate_cases() -> dict[str, Case]:
    """Rates of both events and denominators, with every level that a helper takes."""
    cases = {}
    for event, name in RATES.items():
        rate = {"error_count": ua.error_rate, "joined_count": ua.join_rate}[event]
        for below, unit in DENOMINATORS.items():
            if event == below:
                continue
            shown, label = f"{name} [% of {unit}]", f"{name} {unit}"
            of = {"event": event, "denominator": below}
            for confidence, level in LEVELS.items():
                given = {"denominator": below, "confidence": confidence}
                for how, rows in (("one", hours), ("groups", agents)):
                    week = " of 7 days" if how == "groups" else ""
                    cases[f"rate {label} {level} {how}"] = Case(
                        ua.plot_error_rate,
                        functools.partial(
                            lambda rate, rows, g: rate(days(rows()), **g), rate, rows, given
                        ),
                        name, f"Line of the {name} per day with its {level}",
                        (f"{name}{week} [% of {unit}]",), f"band: {level} interval",
                        {"rate": COLOURS[event]} if how == "one" else {},
                    )  # fmt: skip
                    cases[f"difference {label} {level} {how}"] = Case(
                        ua.plot_comparison,
                        functools.partial(
                            lambda rows, g: ua.rate_difference(*halves(rows()), **g),
                            rows, of | {"confidence": confidence},
                        ),
                        name, f"Dumbbells of the {name}", (shown,), f"bar: {level} interval",
                    )  # fmt: skip
                cases[f"effects {label} {level}"] = Case(
                    ua.plot_effects,
                    functools.partial(
                        lambda g: ua.rate_effects(*halves(agents()), **g),
                        of | {"confidence": confidence},
                    ),
                    name, f"Dots of the part that each group has in the change of the {name}",
                    (f"part of the change [percentage points of {unit}]", "agent"),
                    f"bar: {level} interval",
                )  # fmt: skip
                cases[f"week {label} {level}"] = Case(
                    ua.plot_error_week,
                    functools.partial(
                        lambda r, g: r(hours(), by="hour_of_week", **g), rate, given
                    ),
                    name, f"Heat map of the {name}", (shown, "day of week"),
                )  # fmt: skip
            cases[f"control {label}"] = Case(
                ua.plot_control,
                functools.partial(lambda g: ua.control_chart(hours(), **g), of),
                name, f"Control chart of the {name} per day", (shown,), "",
                {"signal": Theme().alarm, "good signal": Theme().main},
            )  # fmt: skip
            if below == "total_count":
                cases[f"expected {label}"] = Case(
                    ua.plot_expected,
                    functools.partial(
                        lambda m: ua.expected(hours(), measure=m), name.replace(" ", "_")
                    ),
                    name, f"Line of {name} per hour over", (shown,), "band: 95 %",
                )  # fmt: skip
            cases[f"funnel {label}"] = Case(
                ua.plot_funnel,
                functools.partial(lambda g: ua.funnel(agents(), **g), of),
                "", f"Funnel plot of the {name}",
                (shown, f"size of the group [{unit}]"), "bands: limits",
                {"outside": Theme().alarm, "good outside": Theme().main},
            )  # fmt: skip
    return cases


def load_cases() -> dict[str, Case]:
    """Measures of frames, profiles, projections and comparisons."""
    cases = {}
    for measure, (words, _, _) in MEASURES.items():
        per_day, keywords = axis(measure, "per day"), {"measure": measure}
        for how, rows in (("one", hours), ("groups", agents)):
            cases[f"trend {measure} {how}"] = Case(
                ua.plot_trend, functools.partial(lambda rows: days(rows()), rows),
                words, f"Line of {words} per day", (per_day,), keywords=keywords,
            )  # fmt: skip
            for confidence, level in LEVELS.items():
                cases[f"comparison {measure} {level} {how}"] = Case(
                    ua.plot_comparison,
                    functools.partial(
                        lambda rows, g: ua.compare_periods(*halves(rows()), **g),
                        rows, {"measure": measure, "confidence": confidence},
                    ),
                    words, f"Dumbbells of the {words}", (axis(measure),), f"bar: {level} interval",
                )  # fmt: skip
        for confidence, level in LEVELS.items():
            cases[f"burn-up {measure} {level}"] = Case(
                ua.plot_burn_up, lambda: days(hours()), words, f"Line of the {words} of the month",
                (axis(measure, of=", month so far"),), f"fan: {level} interval",
                keywords={"projection": (measure, confidence)},
            )  # fmt: skip
        cases[f"calendar {measure}"] = Case(
            ua.plot_calendar, lambda: days(hours()), words, f"Calendar of {words} per day",
            (per_day,), keywords=keywords,
        )  # fmt: skip
        cases[f"panels {measure}"] = Case(
            ua.plot_groups, lambda: days(agents()), words, f"Small panels of {words} per day",
            (per_day,), keywords=keywords,
        )  # fmt: skip
        cases[f"pareto {measure}"] = Case(
            ua.plot_pareto, agents, words, f"Bars of the {words}",
            ("agent, the largest first",), keywords=keywords,
        )  # fmt: skip
        cases[f"expected {measure}"] = Case(
            ua.plot_expected, functools.partial(lambda m: ua.expected(hours(), measure=m), measure),
            words, f"Line of {words} per hour over", (axis(measure, "per hour"),), "band: 95 %",
        )  # fmt: skip
    for measure in (*MEASURES, "traffic"):
        shown = "traffic [erlangs]" if measure == "traffic" else axis(measure, "per hour")
        words = "erlangs" if measure == "traffic" else MEASURES[measure][0]
        for how, rows in (("one", hours), ("groups", agents)):
            cases[f"day {measure} {how}"] = Case(
                ua.plot_day,
                functools.partial(lambda rows, m: ua.load_profile(rows(), measure=m), rows, measure
                ),
                "", f"Profile of mean {words}", (shown,), "lines: means",
            )  # fmt: skip
        cases[f"week {measure}"] = Case(
            ua.plot_week,
            functools.partial(
                lambda m: ua.load_profile(hours(), by="hour_of_week", measure=m), measure
            ),
            "", f"Heat map of mean {words}", (f"mean {shown}",),
        )  # fmt: skip
    return cases


def other_cases() -> dict[str, Case]:
    """Traffic, billing, and tables whose rows are of several measures or events."""
    cases = {
        "billing": Case(
            ua.plot_billing, lambda: days(hours()), "", "Line of billed time over talk per day",
            ("billed over talk [% of talk]",),
        ),
        "load duration": Case(
            ua.plot_load_duration, lambda: ua.capacity(hours(), limit=7), "erlangs",
            "Load-duration curve", ("traffic [erlangs]", "share of the hours [%]"),
            colours={"limit": Theme().alarm},
        ),
    }  # fmt: skip
    for blocking, level in ((0.01, "1 %"), (0.05, "5 %")):
        cases[f"capacity {level}"] = Case(
            ua.plot_capacity,
            functools.partial(lambda b: ua.capacity(hours(), limit=3, blocking=b), blocking),
            "limit of 3", "against the limit of 3 concurrent calls", ("traffic [erlangs]",),
            f"would refuse {level} or more of the calls",
            {"at risk": Theme().alarm, "limit": Theme().alarm},
        )  # fmt: skip
    for confidence, level in LEVELS.items():
        several = {"confidence": confidence}
        cases[f"measures {level}"] = Case(
            ua.plot_comparison,
            functools.partial(
                lambda g: ua.compare_periods(
                    *halves(hours()), measure=["total_count", "duration"], **g
                ),
                several,
            ),
            "", "Dumbbells", ("change [% of the previous period]",), f"bar: {level} interval",
        )  # fmt: skip
        cases[f"events {level}"] = Case(
            ua.plot_comparison,
            functools.partial(
                lambda g: ua.rate_difference(*halves(hours()), event=list(RATES), **g), several
            ),
            "rate", "Dumbbells", ("change [percentage points of calls]",), f"bar: {level} interval",
        )  # fmt: skip
    return cases


CASES = rate_cases() | load_cases() | other_cases()


def draw(case: Case, table: object, **more: object):
    """Draw a case, the first axes of several."""
    keywords = dict(case.keywords)
    if "projection" in keywords:
        measure, confidence = keywords["projection"]
        keywords["projection"] = ua.project_month(table, measure=measure, confidence=confidence)
    drawn = case.plot(table, **keywords, **more)
    return drawn[0] if isinstance(drawn, list) else drawn


def texts(ax) -> tuple[str, str, set[str]]:
    """Title and key on one line each, and the labels of all axes."""
    figure = ax.get_figure()
    title = figure.get_suptitle() or ax.get_title(loc="left")
    key = [text.get_text() for text in ax.texts if text.get_gid() == "key"]
    labels = {figure.get_supylabel(), figure.get_supxlabel()}
    labels |= {label for each in figure.axes for label in (each.get_xlabel(), each.get_ylabel())}
    return " ".join(title.split()), " ".join(" ".join(key).split()), labels


# One level that is no default shows that a figure reads its level; CI looks at all of them.
SOME = [
    pytest.param(name, marks=pytest.mark.slow if "50 %" in name or "95 %" in name else ())
    for name in CASES
]


@pytest.mark.parametrize("name", SOME)
def test_a_figure_follows_the_meaning_of_its_table(name):
    """Title, axes, units, key, colours and alternative text are of the table's own measure."""
    case = CASES[name]
    ax = draw(case, case.made())
    title, key, labels = texts(ax)
    assert case.title in title.lower()
    assert set(case.axes) <= labels
    assert case.key in key
    alternative = alt_text(ax.get_figure())
    assert case.kind in alternative
    assert title.rstrip(".") in alternative
    for gid, colour in case.colours.items():
        found = [line.get_color() for line in ax.get_lines() if line.get_gid() == gid]
        assert set(found) == {colour}


RESULTS = {
    case.plot.__name__: case
    for case in CASES.values()
    if "meaning" in inspect.signature(case.plot).parameters and case.plot is not ua.plot_burn_up
}


def test_every_plot_is_here():
    """No public plot is left out, and those of results take `meaning`."""
    plots = {name for name in ua.__all__ if name.startswith("plot_")}
    assert plots == {case.plot.__name__ for case in CASES.values()}
    frames = {"billing", "burn_up", "calendar", "groups", "pareto", "trend"}
    assert plots - {f"plot_{name}" for name in frames} == set(RESULTS)


@pytest.mark.parametrize("name", RESULTS)
def test_a_table_without_meaning_is_refused_and_restated(name):
    """Without `attrs` a plot asks for `meaning=`; with it the figure says the same as before."""
    case = RESULTS[name]
    table = case.made()
    bare = table.copy()
    del bare.attrs["meaning"]
    with pytest.raises(ua.QueryError, match=r"meaning: this table has no meaning .* meaning=orig"):
        draw(case, bare)
    assert texts(draw(case, bare, meaning=table.attrs["meaning"])) == texts(draw(case, table))


@pytest.mark.parametrize("name", RESULTS)
def test_a_foreign_table_is_refused_by_name(name):
    """Frames, numbers and results of other helpers are refused with the argument's name."""
    case = RESULTS[name]
    first = next(iter(inspect.signature(case.plot).parameters))
    mine = case.made()
    foreign = mine.copy()
    foreign.attrs["meaning"] = {"made_by": "burn_rate"}
    with pytest.raises(ua.QueryError, match=f"{first}: expected a result of .* burn_rate"):
        draw(case, foreign)
    with pytest.raises(ua.QueryError, match="meaning: expected the attrs"):
        draw(case, mine, meaning={"colour": "red"})
    for other in (hours(), 17):
        with pytest.raises(ua.QueryError, match=f"^({first}|meaning): "):
            draw(case, other)


@pytest.mark.parametrize("name", sorted({case.plot.__name__ for case in CASES.values()}))
def test_a_keyword_that_a_plot_lacks_is_refused(name):
    """A misspelt keyword, and `marks` where no plot takes them, are a TypeError with both names."""
    plot = getattr(ua, name)
    known = inspect.signature(plot).parameters
    for wrong in {"titel", "marks", "meaning"} - set(known):
        with pytest.raises(TypeError, match=rf"{name}\(\) got an unexpected .* '{wrong}'"):
            plot(hours(), **{wrong: None})


@pytest.mark.parametrize("name", sorted({case.plot.__name__ for case in CASES.values()}))
def test_the_docstring_of_a_plot_is_complete(name):
    """Every parameter is described once and in order, and there are Returns, Raises, Examples."""
    plot = getattr(ua, name)
    doc = inspect.getdoc(plot)
    _, _, body = doc.partition("Parameters\n----------\n")
    section = body.partition("\n\n")[0]
    described = [
        name for line in section.splitlines() if line[:1].strip() for name in line.split(", ")
    ]
    assert set(described) == set(inspect.signature(plot).parameters)
    assert len(described) == len(set(described))
    for heading in ("Returns", "Raises", "Examples"):
        assert doc.count(f"\n{heading}\n---") == 1
