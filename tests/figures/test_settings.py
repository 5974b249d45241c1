"""The caller's settings of matplotlib: figures do not depend on them, and leave them alone."""

import pickle
import subprocess
import sys
import threading
import warnings

import matplotlib as mpl
import pytest
from cycler import cycler
from matplotlib.figure import Figure

import usage_analysis as ua
from tests.figures.drawings import breakdowns, frame, grouped, panels, singles
from usage_analysis.figures.style import picture

# Each entry takes one of these that differs from its default.
VALUES = (
    True, False, 3, 0.37, "red", "#123456", "tight", "large", "bold", "serif", "right", "bottom",
    "none", "log", "--", "x", [0.1, 0.2], (1.0, 2.0, 3.0), ["0.5"], "utf8", "both", "svg",
    "lanczos", "viridis", "10.0", cycler(color=["red", "lime"]), "jshtml", "round_numbers",
    "trackball", "serial", "concise", "data", "lower", "round", "tab", "stix", "nearest", 42,
    "pdflatex", "a4", "xpdf", "landscape", "in", "bevel", "bf", "latex+dvipng",
)  # fmt: skip
# The window system, and the day from which matplotlib counts, which a process can set only once.
OF_THE_PROCESS = {"backend", "date.epoch"}


def other_settings():
    """Each entry of matplotlib's settings with a legal value that is not its default."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated entries
        for name, default in dict.items(mpl.rcParamsDefault):
            for value in VALUES if name not in OF_THE_PROCESS else ():
                try:
                    legal = mpl.rcParams.validate[name](value)
                except (ValueError, TypeError, AttributeError):
                    continue
                if repr(legal) != repr(default):
                    found[name] = legal
                    break
    return found


def figures():
    """A heat map with its colour bar, and groups with words beside them, not yet saved."""
    hourly = frame(7 * 24)
    drawn = singles(hourly)["week"], breakdowns(grouped({"support": 40, "sales": 3}))["pareto"]
    return [draw(None).figure for draw in drawn]


def every_figure():
    """Every figure with each kind of axes."""
    hourly, groups = frame(14 * 24), grouped({"support": 40, "sales": 3})
    every = [*singles(hourly).values(), *breakdowns(groups).values()]
    return [*(draw(None).figure for draw in every), panels(groups)]


def bytes_of(drawn):
    """Each figure in each kind of file, the last as PDF too."""
    kinds = [(figure, kind) for figure in drawn for kind in ("svg", "png")]
    return [picture(figure, kind) for figure, kind in [*kinds, (drawn[-1], "pdf")]]


def leaks(settings, expected, draw):
    """Names of the settings on which the bytes of figures depend."""
    with mpl.rc_context():
        dict.update(mpl.rcParams, settings)
        try:
            same = bytes_of(draw()) == expected
        except Exception:  # noqa: BLE001  # TeX that is not installed, and the like
            same = False
    if same or len(settings) == 1:
        return [] if same else [*settings]
    names, half = [*settings], len(settings) // 2
    parts = ({name: settings[name] for name in part} for part in (names[:half], names[half:]))
    return [name for part in parts for name in leaks(part, expected, draw)] or names


def test_every_entry_of_the_settings_is_tried():
    """The test knows a value for each entry but those of the process, in every version."""
    assert {*mpl.rcParamsDefault} - {*other_settings()} == OF_THE_PROCESS


def test_figures_are_the_same_bytes_under_all_settings_of_the_caller():
    """Drawn and saved, or only saved, while every entry has another value: the same bytes."""
    drawn = figures()
    expected, changed = bytes_of(drawn), other_settings()
    assert leaks(changed, expected, figures) == []
    assert leaks(changed, expected, lambda: drawn) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
def test_figures_are_the_same_bytes_under_each_setting(part):
    """The same with one entry after the other, so that none hides another."""
    daily = ua.aggregate(frame(7 * 24), "D")

    def draw():
        return [ua.plot_trend(daily).figure]

    expected = bytes_of(draw())
    changed = [*other_settings().items()][part::8]
    assert [name for name, value in changed if leaks({name: value}, expected, draw)] == []


@pytest.mark.slow
def test_every_figure_is_the_same_bytes_under_all_settings():
    """No figure depends on the caller's settings, and each can be pickled."""
    drawn = every_figure()
    expected = bytes_of(drawn)
    assert leaks(other_settings(), expected, every_figure) == []
    assert bytes_of(pickle.loads(pickle.dumps(drawn))) == expected  # noqa: S301


@pytest.mark.slow
def test_figures_are_the_same_bytes_whatever_day_matplotlib_counts_from():
    """`date.epoch`, which a process sets only once, does not move the dates of a figure."""
    code = (
        "import hashlib, matplotlib as mpl, usage_analysis as ua\n"
        "mpl.rcParams['date.epoch'] = {!r}\n"
        "from tests.figures.drawings import frame\n"
        "from usage_analysis.figures.style import picture\n"
        "figure = ua.plot_trend(ua.aggregate(frame(72), 'D')).figure\n"
        "print(hashlib.sha256(picture(figure, 'svg')).hexdigest())"
    )
    days = ("1970-01-01", "2000-01-01")
    commands = [[sys.executable, "-c", code.format(day)] for day in days]
    one, other = (subprocess.check_output(command) for command in commands)
    assert one == other


def test_threads_that_draw_leave_the_settings_alone():
    """Two threads with themes of their own draw the right bytes, and no setting changes."""
    daily, before = ua.aggregate(frame(7 * 24), "D"), dict.copy(mpl.rcParams)
    themes = [ua.Theme(main="#7A1F5C"), ua.Theme(fonts=("DejaVu Serif",)), ua.Theme()]

    def draw(theme):
        with ua.figure_style(theme):
            return picture(ua.plot_trend(daily).figure, "svg")

    expected, found = [draw(theme) for theme in themes], [[], [], []]
    threads = [
        threading.Thread(target=lambda n=n: found[n].extend(draw(themes[n]) for _ in range(3)))
        for n in range(3)
    ]
    for step in (threading.Thread.start, threading.Thread.join):
        for thread in threads:
            step(thread)
    assert found == [[one] * 3 for one in expected]
    assert dict.copy(mpl.rcParams) == before


def test_blocks_that_overlap_bring_the_callers_settings_back():
    """Of two blocks in two threads, the one that began first may end first."""
    before = dict.copy(mpl.rcParams)
    events = [threading.Event() for _ in range(3)]

    def first():
        with ua.figure_style(ua.Theme(page="#FFFBF0")):
            events[0].set()
            assert events[1].wait(30)
        events[2].set()

    thread = threading.Thread(target=first)
    thread.start()
    assert events[0].wait(30)
    with ua.figure_style(ua.Theme(page="#F0FBFF")):
        events[1].set()
        assert events[2].wait(30)
        assert mpl.rcParams["figure.facecolor"] == "#F0FBFF"
    thread.join()
    assert dict.copy(mpl.rcParams) == before


def test_a_figure_keeps_its_theme():
    """A figure that is saved after the block of its theme looks as if it were saved inside."""
    daily, theme = ua.aggregate(frame(72), "D"), ua.Theme(muted="#7A1F5C")
    with ua.figure_style(theme):
        inside = picture(ua.plot_trend(daily).figure, "svg")
        figure = ua.plot_trend(daily).figure
    assert picture(figure, "svg") == inside


def test_a_figure_of_the_callers_own_keeps_the_callers_settings():
    """Other axes of the caller's figure look as they would without this package, when saved too."""
    with mpl.rc_context({"ytick.labelsize": 19, "figure.autolayout": True}):
        figure = Figure()
        ours, theirs = figure.subplots(1, 2)
        ua.plot_trend(ua.aggregate(frame(72), "D"), ax=ours)
        saved = {picture(figure, "svg") for _ in range(2)}
        assert len(saved) == 1
        assert theirs.get_yticklabels()[0].get_fontsize() == 19
        assert ours.get_title(loc="left")


def test_figures_can_be_pickled():
    """A figure that went to another process is saved as the same bytes."""
    figure = figures()[0]
    assert picture(pickle.loads(pickle.dumps(figure)), "svg") == picture(figure, "svg")  # noqa: S301


def test_a_figure_is_drawn_in_its_style_by_matplotlib_too():
    """`savefig` of matplotlib and other canvases draw a figure in the package's style."""
    figure = ua.plot_trend(ua.aggregate(frame(72), "D")).figure
    with mpl.rc_context({"ytick.labelsize": 30}):
        figure.canvas.draw()
    assert figure.axes[0].get_yticklabels()[0].get_fontsize() == 8
