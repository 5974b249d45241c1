"""The rules that every figure keeps: what it says, in which units, and that it can be read.

Covers catalogue, entry, plots and provenance.
"""

import re

import numpy as np
import pytest
from matplotlib.axis import Tick
from matplotlib.collections import Collection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import ScalarFormatter

from tests.figures.drawings import (
    BREAKDOWNS,
    SINGLES,
    ZONE,
    breakdowns,
    frame,
    grouped,
    panels,
    singles,
)
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.colour import CONTRAST, alike, contrast, keeps_order
from usage_analysis.figures.groups import groups_figure
from usage_analysis.figures.provenance import Subtitle
from usage_analysis.figures.style import Theme, alt_text, drawing, figure_style, new_figure

pytestmark = pytest.mark.slow

WIDTHS = {"wide": (8.0, 4.0), "narrow": (4.2, 4.6)}
SMALLEST = 7.0
KNOWN_UNITS = {
    *("per hour", "per day", "min per hour", "min per day", "min", "erlangs"),
    *(
        "calls",
        "%",
        "% of calls",
        "% of talk",
        "% of the previous period",
        "percentage points of calls",
    ),
}
THEME = Theme()
GREYS = {THEME.ink.lower(), THEME.muted.lower(), THEME.grid.lower(), "#9a9a9a"}


def drawn(draw, width="wide"):
    """The figure that a drawing makes, laid out."""
    with figure_style():
        figure = figure_of(draw(new_figure(*WIDTHS[width]).add_subplot()))
    figure.draw_without_rendering()
    return figure


def problems(figure, parts=()):
    """A sentence for each rule that a figure breaks, and each part of it that is not there."""
    return [
        *says_what_it_is(figure),
        *names_its_axes(figure),
        *counts_from_zero(figure),
        *ends_near_everything(figure),
        *shows_more_as_more(figure),
        *has(figure, parts),
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
    (subtitle,) = figure.findobj(Subtitle)
    told, calls = " ".join(subtitle.get_text().split()), subtitle.about.calls
    number = f" {calls:,} {'call' if calls == 1 else 'calls'} "
    for part in ("America/New_York", number, "voice 0000", "as of 2026-04-01 14:37 UTC"):
        if part not in told:
            yield f"subtitle: {part!r} is not in {told!r}"
    if not told.endswith("sample account"):
        yield "subtitle: whose data they are is not said"
    if " ".join(title.split()).rstrip(".") not in alt or told not in alt or len(alt) < 80:
        yield f"alt text: {alt!r}"


def axes_of(figure):
    """Each axis that is shown, with its name without the unit, and the unit or nothing."""
    if figure.get_suptitle():
        shown = [(figure.axes[0].xaxis, figure.get_supxlabel())]
        shown += [(figure.axes[0].yaxis, figure.get_supylabel())]
    else:
        first, *bars = figure.axes
        shown = [(axis, axis.get_label_text()) for axis in (first.xaxis, first.yaxis)]
        for bar in bars:
            axis = bar.yaxis if bar.get_ylabel() else bar.xaxis
            shown.append((axis, axis.get_label_text()))
    for axis, words in shown:
        name, unit = re.fullmatch(r"([^\[]*?)(?: \[(.*)\])?", words, re.DOTALL).groups()
        yield axis, name, unit


def is_of_time(name):
    """Whether an axis is of dates or of hours, whose unit is whose clock it is."""
    return re.fullmatch("date|hour of day|week", name) is not None


def names_its_axes(figure):
    """A name on every axis, whose clock on those of time, and a known unit on those of numbers."""
    for axis, name, unit in axes_of(figure):
        ticks = [tick.get_text() for tick in axis.get_ticklabels()]
        numbers = any(re.fullmatch(r"-?[\d.,]+[BM]?( %)?", words) for words in ticks)
        if len(name) < 3:
            yield f"axis: {name!r} is no name"
        if unit is None and (numbers or is_of_time(name)):
            yield f"axis: {name!r} has no unit"
        if unit is not None and unit not in ({ZONE} if is_of_time(name) else KNOWN_UNITS):
            yield f"axis: {name!r} is in {unit!r}, no unit of these figures"


def counts_from_zero(figure):
    """0 at the foot of every axis of amounts, unless there are amounts below it."""
    for axis, name, unit in axes_of(figure):
        if unit is None or is_of_time(name):
            continue
        low, high = sorted(axis.get_view_interval())
        values = np.concatenate([amounts(axis.axes, axis), [0.0]])
        if low > 0 or (low < 0 and values.min() >= 0) or high <= 0:
            yield f"{name}: from {low:g} to {high:g}"


def ends_near_everything(figure):
    """No axis of shares goes far beyond all there is."""
    for axis, name, unit in axes_of(figure):
        high = max(axis.get_view_interval())
        if unit in ("%", "% of calls") and high > 110:
            yield f"{name}: a share up to {high:.0f} %"


def shows_more_as_more(figure):
    """Colours of heat maps that grow only lighter or only darker."""
    for ax in figure.axes:
        for image in ax.images:
            if not keeps_order(image.get_cmap().name):
                yield f"colours: {image.get_cmap().name} is lighter and darker by turns"


def has(figure, parts):
    """Every part that a figure of this kind is not itself without, and what stands for its n."""
    there = [str(artist.get_gid()) for ax in figure.axes for artist in ax.get_children()]
    for part in parts:
        name, _, least = part.partition(" x")
        if there.count(name) < int(least or 1):
            yield f"{name!r} is there {there.count(name)} times, not {least or 1}"


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
        with drawing(figure):
            box = text.get_window_extent()
        if text.get_fontsize() < SMALLEST:
            yield f"{words!r} is {text.get_fontsize()} pt"
        if contrast(text.get_color(), behind(figure, text)) < CONTRAST:
            yield f"{words!r} is pale: {text.get_color()}"
        inside = box.x0 >= -1 and box.x1 <= width + 1 and box.y0 >= -1 and box.y1 <= height + 1
        if not inside and id(text) not in beyond:
            yield f"{words!r} is outside the picture: {box}"


def behind(figure, text):
    """The colour that a text stands on: its cell's in a calendar, else the page's."""
    if text.get_gid() != "day":
        return figure.get_facecolor()
    (image,) = text.axes.images
    column, row = (round(place) for place in text.get_position())
    return image.to_rgba(image.get_array())[row, column]


def keeps_words_apart(figure):
    """No text upon another."""
    beyond = ticks_beyond(figure)
    boxes = []
    for text in figure.findobj(Text):
        words = text.get_text().strip()
        hidden = not text.get_visible() or id(text) in beyond
        if not words or hidden or (text.axes and not text.axes.axison):
            continue
        with drawing(figure):
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
        bars = [patch.get_facecolor() for patch in ax.patches if patch.get_fill()]
        colours |= {to_hex(face) for face in bars if face[3] == 1}
    return alike(sorted(colours - GREYS - {THEME.page.lower()}))


MONTH = frame()
# What figures of a month with marks and of six groups are nothing without.
PARTS = {
    "trend": ("buckets", "mean", "label", "mark x2", "mark label x2"),
    "talk": ("buckets", "mean", "label"),
    "hours": ("buckets", "mean", "label"),
    "calendar": ("day x31", "mark x2", "key", "unfinished"),
    "week": ("busiest",),
    "error week": (),
    "day": ("workdays", "workdays band", "weekend", "weekend band", "busy hour", "label x2", "key"),
    "load duration": ("curve", "limit", "label"),
    "capacity": ("carried", "demand", "limit", "label x3", "mark x2"),
    "error rate": ("rate", "interval", "overall", "key", "mark x2"),
    "control": ("rate", "limits", "centre", "label x2", "mark x2"),
    "burn-up": ("so far", "budget", "label x2", "mark x2"),
    "billing": ("overhead", "bound", "label x2", "mark x2"),
    "comparison": ("before", "now", "difference", "interval x2", "words x2", "key"),
}
PARTS_OF_GROUPS = {
    "trend": ("group x6", "label x6", "mark"),
    "day": ("group x6", "label x6"),
    "load duration": ("curve x6", "label x6"),
    "error rate": ("rate x6", "interval x6", "label x6", "key", "mark"),
    "funnel": ("limits 95", "limits 998", "centre", "name x6", "label x3", "key"),
    "effects": ("own rate", "share", "zero", "interval x6", "words x6", "key"),
    "pareto": ("sum", "value x6"),
    "billing": ("overhead x6", "label x6"),
    "rates compared": ("before", "now", "difference", "interval x6", "words x6", "key"),
    "compared": ("before", "now", "difference", "interval x6", "words x6", "key"),
}
GROUPS = grouped({"Support": 60, "Sales": 40, "Billing": 25, "Night": 12, "Returns": 8, "VIP": 4})


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", singles(MONTH))
def test_a_figure_of_one_series_keeps_the_rules(name, width):
    """Every figure of an ordinary month keeps every rule, wide and narrow."""
    assert problems(drawn(singles(MONTH)[name], width), PARTS[name]) == []


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", breakdowns(GROUPS))
def test_a_figure_of_a_breakdown_keeps_the_rules(name, width):
    """Every figure of six groups keeps every rule, wide and narrow."""
    assert problems(drawn(breakdowns(GROUPS)[name], width), PARTS_OF_GROUPS[name]) == []


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


def two(draw, *colours):
    """The same marks in two colours."""
    for place, colour in enumerate(colours):
        draw(20513.0 + place, colour)


def removed(artists, gid):
    """Take away what stands under a name."""
    for artist in [artist for artist in artists if artist.get_gid() == gid]:
        artist.remove()


def within(ax, words, **look):
    """Words in the middle of the axes."""
    ax.text(0.5, 0.5, words, transform=ax.transAxes, **look)


def by_powers_of_ten(ax):
    """Numbers as plain matplotlib may write them, with 1e3 above them."""
    ax.yaxis.set_major_formatter(ScalarFormatter())
    ax.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))


RED, GREEN = "#D62728", "#2CA02C"
SPOILERS = [
    ("trend", lambda ax: ax.set_ylabel("calls"), "has no unit"),
    ("trend", lambda ax: ax.set_ylabel("calls [x]"), "is in 'x'"),
    ("talk", lambda ax: ax.set_ylabel("talk [s per day]"), "is in 's per day'"),
    ("trend", lambda ax: ax.set_xlabel("date [days]"), "is in 'days'"),
    ("comparison", lambda ax: ax.set_ylabel(""), "is no name"),
    ("trend", lambda ax: ax.set_title("", loc="left"), "title"),
    ("trend", lambda ax: ax.set_ylim(100), "from 100"),
    ("error rate", lambda ax: ax.set_ylim(0, 306), "a share up to 306 %"),
    ("control", lambda ax: ax.set_ylim(0, 120), "a share up to 120 %"),
    (
        "trend",
        lambda ax: two(lambda x, c: ax.plot([x], [1.0], "o", color=c, ms=9), RED, GREEN),
        "apart with",
    ),
    ("trend", lambda ax: two(lambda x, c: ax.bar([x], 5, color=c), RED, GREEN), "apart with"),
    ("trend", lambda ax: within(ax, "pale", color="#BBBBBB"), "is pale"),
    (
        "calendar",
        lambda ax: [text.set_color("#8C8C8C") for text in ax.texts if text.get_gid() == "day"],
        "is pale",
    ),
    ("trend", lambda ax: within(ax, "small", fontsize=5), "is 5.0 pt"),
    (
        "trend",
        lambda ax: [within(ax, words) for words in ("here", "upon it")],
        "'upon it' is upon 'here'",
    ),
    ("trend", lambda ax: ax.text(1.5, 0.5, "far out", transform=ax.transAxes, gid="x"), "outside"),
    ("trend", by_powers_of_ten, "number"),
    ("week", lambda ax: ax.images[0].set_cmap("jet"), "jet is lighter and darker by turns"),
    ("error rate", lambda ax: removed(ax.collections, "interval"), "'interval' is there 0"),
    ("trend", lambda ax: removed(ax.texts, "label"), "'label' is there 0"),
    ("day", lambda ax: removed(ax.texts, "key"), "'key' is there 0"),
    (
        "trend",
        lambda ax: [
            text.set_text(text.get_text().replace("29,", ""))
            for text in ax.figure.findobj(Subtitle)
        ],
        "subtitle: ' 29,",
    ),
]


@pytest.mark.parametrize(("name", "spoil", "told"), SPOILERS)
def test_a_broken_rule_is_noticed(name, spoil, told):
    """A missing unit, red beside green, a band or a name taken away and the like do not pass."""

    def draw(ax):
        singles(MONTH)[name](ax)
        # Else the layout mends what is outside.
        ax.set_in_layout(told != "outside")
        spoil(ax)
        return ax

    found = problems(drawn(draw), PARTS[name])
    assert [words for words in found if told in words], found
