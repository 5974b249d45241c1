"""The rules that every figure keeps: what it says, in which units, and that it can be read."""

import re

import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text

from tests.figures.drawings import BREAKDOWNS, SINGLES, breakdowns, frame, grouped, panels, singles
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.colour import CONTRAST, alike, contrast
from usage_analysis.figures.groups import groups_figure
from usage_analysis.figures.style import (
    Theme,
    alt_text,
    boxes_for_missing_glyphs,
    figure_style,
    new_figure,
)

pytestmark = pytest.mark.slow

WIDTHS = {"wide": (8.0, 4.0), "narrow": (4.2, 4.6)}
SMALLEST = 7.0
THEME = Theme()
GREYS = {THEME.ink.lower(), THEME.muted.lower(), THEME.grid.lower(), "#9a9a9a"}


def drawn(draw, width="wide"):
    """The figure that a drawing makes, laid out."""
    with figure_style():
        figure = figure_of(draw(new_figure(*WIDTHS[width]).add_subplot()))
    figure.draw_without_rendering()
    return figure


def problems(figure):
    """A sentence for each rule that a figure breaks."""
    return [
        *says_what_it_is(figure),
        *names_its_axes(figure),
        *counts_from_zero(figure),
        *has_plain_numbers(figure),
        *can_be_read(figure),
        *keeps_words_apart(figure),
        *tells_series_apart(figure),
    ]


def says_what_it_is(figure):
    """Title, subtitle and text for who cannot see it."""
    alt = alt_text(figure)
    title = figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    words = re.findall(r"\w+", title)
    if len(words) < 3 or re.search(r"\b(nan|inf|NaT|None)\b", title):
        yield f"title: {title!r}"
    subtitles = [t.get_text() for t in figure.findobj(Text) if t.get_gid() == "subtitle"]
    told = " ".join(" ".join(subtitles).split())
    for part in ("America/New_York", "call", "voice 0000", "as of 2026-04-01 14:37 UTC"):
        if part not in told:
            yield f"subtitle: {part!r} is not in {told!r}"
    if not told.endswith("sample account"):
        yield "subtitle: whose data they are is not said"
    if " ".join(title.split()).rstrip(".") not in alt or told not in alt or len(alt) < 80:
        yield f"alt text: {alt!r}"


def names_its_axes(figure):
    """A name and a unit in brackets on every axis that is shown."""
    if figure.get_suptitle():
        shown = [figure.get_supxlabel(), figure.get_supylabel()]
    else:
        first, *bars = figure.axes
        shown = [first.get_xlabel(), first.get_ylabel()]
        shown += [bar.get_ylabel() or bar.get_xlabel() for bar in bars]
    for name in shown:
        if not re.fullmatch(r"[^\[]{3,}\[[^\]]+\].*", name):
            yield f"axis: {name!r} has no unit"


def counts_from_zero(figure):
    """0 at the foot of every axis of amounts, unless there are amounts below it."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            shared = figure.get_supxlabel() if axis is ax.xaxis else figure.get_supylabel()
            words = axis.get_label_text() or shared
            if re.match("date|day of week|week|hour of day|group|what is", words):
                continue
            low, high = sorted(axis.get_view_interval())
            values = np.concatenate([amounts(ax, axis), [0.0]])
            if low > 0 or (low < 0 and values.min() >= 0) or high <= 0:
                yield f"{words}: from {low:g} to {high:g}"


def amounts(ax, axis):
    """What lines have on an axis."""
    lines = [line for line in ax.get_lines() if line.get_transform().contains_branch(ax.transData)]
    get = Line2D.get_xdata if axis is ax.xaxis else Line2D.get_ydata
    found = [np.asarray(get(line), dtype=float) for line in lines]
    found = np.concatenate([*found, [0.0]])
    return found[np.isfinite(found)]


def has_plain_numbers(figure):
    """No 1e6 beside an axis, and none on it."""
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            words = [axis.get_offset_text().get_text()]
            words += [tick.get_text() for tick in axis.get_ticklabels()]
            for text in words:
                if re.search(r"\de[+-]?\d|nan|inf", text):
                    yield f"number: {text!r}"


def can_be_read(figure):
    """Text of 7 points and more, in the picture, and plain against what is behind it."""
    width, height = figure.bbox.width, figure.bbox.height
    beyond = ticks_beyond(figure)
    for text in figure.findobj(Text):
        words = text.get_text().strip()
        if not words or not text.get_visible() or (text.axes and not text.axes.axison):
            continue
        with boxes_for_missing_glyphs():
            box = text.get_window_extent()
        seen = text.get_gid() != "day"
        if text.get_fontsize() < SMALLEST:
            yield f"{words!r} is {text.get_fontsize()} pt"
        if seen and contrast(text.get_color(), figure.get_facecolor()) < CONTRAST:
            yield f"{words!r} is pale: {text.get_color()}"
        inside = box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1
        if not inside and id(text) not in beyond:
            yield f"{words!r} is outside the picture: {box}"


def keeps_words_apart(figure):
    """No text upon another."""
    beyond = ticks_beyond(figure)
    boxes = []
    for text in figure.findobj(Text):
        words = text.get_text().strip()
        hidden = not text.get_visible() or id(text) in beyond
        if not words or hidden or (text.axes and not text.axes.axison):
            continue
        with boxes_for_missing_glyphs():
            boxes.append((words, Text.get_window_extent(text).padded(-1)))
    for place, (words, box) in enumerate(boxes):
        for other, there in boxes[:place]:
            if box.overlaps(there):
                yield f"{words!r} is upon {other!r}"


def ticks_beyond(figure):
    """Text of ticks that are never drawn, for they lie beyond the ends of their axis."""
    every = {id(text) for tick in figure.findobj(Tick) for text in (tick.label1, tick.label2)}
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = axis.get_major_ticks()
            every -= {id(tick.label1) for tick in ticks if low <= tick.get_loc() <= high}
    return every


def tells_series_apart(figure):
    """No two colours of marks that some readers see as one."""
    colours = set()
    for ax in figure.axes:
        for line in ax.get_lines():
            if line.get_linestyle() not in ("None", "none"):
                colours.add(to_hex(line.get_color()))
            if line.get_marker() != "None" and len(line.get_xdata()):
                colours |= {to_hex(line.get_markerfacecolor()), to_hex(line.get_markeredgecolor())}
        for marks in ax.findobj(Collection):
            faces = marks.get_facecolor()
            if len(faces) == 1 and marks.get_gid():
                colours.add(to_hex(faces[0]))
    return alike(sorted(colours - GREYS - {THEME.page.lower()}))


MONTH = frame()
GROUPS = grouped({"Support": 60, "Sales": 40, "Billing": 25, "Night": 12, "Returns": 8, "VIP": 4})


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", singles(MONTH))
def test_a_figure_of_one_series_keeps_the_rules(name, width):
    """Every figure of an ordinary month keeps every rule, wide and narrow."""
    assert problems(drawn(singles(MONTH)[name], width)) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", breakdowns(GROUPS))
def test_a_figure_of_a_breakdown_keeps_the_rules(name, width):
    """Every figure of six groups keeps every rule, wide and narrow."""
    assert problems(drawn(breakdowns(GROUPS)[name], width)) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("days", [[10], [16], [17, 18], [18, 19, 20], [9, 11, 17, 19]])
def test_signals_beside_marks_keep_the_rules(days, width):
    """Dates of signals and names of marks stand apart, wherever the signals are."""
    hourly = frame()
    bad = hourly.index.day.isin(days)
    hourly.loc[bad, "error_count"] = hourly.loc[bad, "total_count"] // 4
    assert problems(drawn(singles(hourly)["control"], width)) == []


# What an error rate has no part in need not be drawn again for it.
LOADS = ("trend", "talk", "hours", "calendar", "week", "day", "load duration", "capacity")
SKIPPED = {
    "no errors": (*LOADS, "burn-up", "billing", "comparison"),
    "only errors": (*LOADS, "burn-up", "billing", "comparison"),
    "one hour": ("talk", "hours"),
    "one call": ("talk", "hours"),
}


@pytest.mark.parametrize("case", SINGLES)
def test_a_hard_account_keeps_the_rules(case):
    """Hardly any data, extreme rates and huge counts are drawn by the same rules."""
    figures = singles(SINGLES[case]())
    for name in SKIPPED.get(case, ()):
        figures.pop(name, None)
    assert {name: p for name in figures if (p := problems(drawn(figures[name])))} == {}


@pytest.mark.parametrize("case", BREAKDOWNS)
def test_a_hard_breakdown_keeps_the_rules(case):
    """One giant, many groups, names long and in any script are drawn by the same rules."""
    figures = breakdowns(BREAKDOWNS[case]())
    assert {name: p for name in figures if (p := problems(drawn(figures[name])))} == {}


@pytest.mark.parametrize("case", ["30 groups", "long names"])
@pytest.mark.parametrize("width", [8.0, 4.2])
def test_small_panels_keep_the_rules(case, width):
    """A panel a group keeps the rules for 30 groups and for names that do not fit."""
    hourly = BREAKDOWNS[case]()
    figure = panels(hourly, groups_figure(hourly["agent"].nunique(), width))
    figure.draw_without_rendering()
    assert problems(figure) == []
    (one,) = {ax.get_ylim() for ax in figure.axes if ax.axison}
    assert one[0] == 0


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda ax: ax.set_ylabel("calls"), "has no unit"),
        (lambda ax: ax.set_title("", loc="left"), "title"),
        (lambda ax: ax.set_ylim(100), "from 100"),
        (lambda ax: ax.plot([20513.0], [1.0], "o", color="#D62728", ms=9), "apart with"),
        (lambda ax: ax.text(0.5, 0.5, "pale", color="#BBBBBB", gid="x"), "is pale"),
        (lambda ax: ax.text(0.5, 0.5, "small", fontsize=5), "is 5.0 pt"),
        (
            lambda ax: [
                ax.annotate(words, (0.5, 0.5), xycoords="axes fraction")
                for words in ("here", "upon it")
            ],
            "'upon it' is upon 'here'",
        ),
        (lambda ax: ax.text(1.5, 0.5, "far out", transform=ax.transAxes, gid="x"), "outside"),
        (lambda ax: ax.ticklabel_format(axis="y", style="sci", scilimits=(0, 0)), "number"),
    ],
)
def test_a_broken_rule_is_noticed(spoil, told):
    """A missing unit, red beside green, pale or small text and the like do not pass."""

    def draw(ax):
        singles(MONTH)["trend"](ax)
        if told == "apart with":
            ax.plot([20513.0], [2.0], "o", color="#2CA02C", ms=9)
        if told == "number":
            ax.yaxis.set_major_formatter(_scalar())
        ax.set_in_layout(False)
        spoil(ax)
        return ax

    found = problems(drawn(draw))
    assert [words for words in found if told in words], found


def _scalar():
    from matplotlib.ticker import ScalarFormatter

    return ScalarFormatter(useMathText=False)
