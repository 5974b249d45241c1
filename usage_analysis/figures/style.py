"""Style of figures as a theme and a context, and deterministic saving."""

import io
import os
import re
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, cast

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

import usage_analysis
from usage_analysis.errors import QueryError
from usage_analysis.figures import colour
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.provenance import Subtitle
from usage_analysis.tidy.usage_files import target_of

# Okabe and Ito (2008), told apart with every kind of colour vision.
BLUE: Final = "#0072B2"
ORANGE: Final = "#E69F00"
VERMILLION: Final = "#D55E00"
GREEN: Final = "#009E73"
SKY: Final = "#56B4E9"
PURPLE: Final = "#CC79A7"

#: Size of a figure that is not told another [in].
WIDTH, HEIGHT = 8.0, 4.0
#: Width of figures on a phone [in].
NARROW_WIDTH: Final = 4.2

# What every theme shares; its sans-serif fonts have the scripts that DejaVu Sans lacks.
_FILE = Path(__file__).with_name("figures.mplstyle")
# Every other setting is matplotlib's default, but for those that belong to the process.
_STYLE: Final[Any] = dict.copy(mpl.rc_params_from_file(_FILE))
for _name in ("backend", "date.epoch", "interactive"):
    del _STYLE[_name]
# Settings of files of the caller's own figures.
_DETERMINISTIC: Final = {name: _STYLE[name] for name in ("svg.fonttype", "svg.hashsalt")}
_BUNDLED: Final = "DejaVu Sans"


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours, fonts and logo of figures and reports.

    Give it to `figure_style` or `build_report`. `problems` says which rules of legibility a theme
    of your own breaks; the one without arguments breaks none.

    Parameters
    ----------
    series
        Colours of groups, the first six of which are told apart by their colour; at least six.
    main, soft
        The colour of a single series, and a lighter one for what lies behind it.
    alarm
        What is out of the ordinary: error rates, signals, limits.
    ink, muted
        Text and lines, and what matters less.
    grid, empty
        Grid lines, and cells without data.
    page
        Background of a figure.
    heat
        Colour map of heat maps; one whose lightness only rises or only falls, as cividis, viridis
        or Blues.
    fonts
        Font families by preference; those that are not installed are passed over.
    logo
        File (.svg, .png) shown at the head of a report.
    logo_alt
        What the logo is, in words.

    Raises
    ------
    QueryError
        A colour that is not #RRGGBB, fewer than six series, or an unknown colour map.

    Examples
    --------
    >>> theme = Theme(main="#7A1F5C", fonts=("Inter",))
    >>> theme.problems()
    []
    """

    series: tuple[str, ...] = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
    main: str = BLUE
    soft: str = SKY
    alarm: str = VERMILLION
    ink: str = "#1A1A1A"
    muted: str = "#595959"
    grid: str = "#E3E3E3"
    empty: str = "#EDEDED"
    page: str = "#FFFFFF"
    heat: str = "cividis"
    fonts: tuple[str, ...] = (_BUNDLED,)
    logo: str | os.PathLike[str] | None = None
    logo_alt: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.series, str) or len(self.series) < 6:
            raise QueryError(f"series: expected six colours or more, got {self.series!r}")
        plain = {name: getattr(self, name) for name in _COLOURS}
        for name, value in [*plain.items(), *(("series", value) for value in self.series)]:
            # CSS and matplotlib share this form.
            if not re.fullmatch(r"#[0-9A-Fa-f]{6}", str(value)):
                raise QueryError(f"{name}: expected a colour such as #0072B2, got {value!r}")
        if self.heat not in mpl.colormaps:
            raise QueryError(f"heat: expected a colour map of matplotlib, got {self.heat!r}")

    def problems(self) -> list[str]:
        """A sentence for each rule that the colours break, none where they break none."""
        text, lines = colour.CONTRAST, colour.LINE_CONTRAST
        named = [(name, getattr(self, name), text) for name in ("ink", "muted")]
        named += [(name, getattr(self, name), lines) for name in ("main", "soft", "alarm")]
        named += [(f"series {n}", value, lines) for n, value in enumerate(self.series[:6], 1)]
        found = [
            f"{name}: contrast {seen:.1f} with the page, under {least}"
            for name, value, least in named
            if (seen := colour.contrast(value, self.page)) < least
        ]
        if not colour.keeps_order(self.heat):
            found.append(f"heat: {self.heat} is lighter and darker by turns, so more is not seen")
        found += [f"series: {words}" for words in colour.alike(self.series[:6])]
        found += [f"main, soft: {words}" for words in colour.alike([self.main, self.soft])]
        return found + [f"main, alarm: {words}" for words in colour.alike([self.main, self.alarm])]


_COLOURS: Final = ("main", "soft", "alarm", "ink", "muted", "grid", "empty", "page")
_CURRENT: ContextVar[Theme] = ContextVar("theme", default=Theme())  # noqa: B039  # frozen


def theme_in_use() -> Theme:
    """Theme of the `figure_style` that is open, else the package's own."""
    return _CURRENT.get()


@contextmanager
def figure_style(theme: Theme | None = None) -> Iterator[None]:
    """Use this package's figure style within the block, and restore the caller's after it.

    Parameters
    ----------
    theme
        Colours and fonts; without it those of the block around, else the package's own.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08")
    >>> with ua.figure_style(ua.Theme(main="#7A1F5C")):
    ...     ax = ua.plot_trend(usage.daily)
    >>> "#7A1F5C" in [line.get_color() for line in ax.lines]
    True
    """
    theme = theme or theme_in_use()
    token = _CURRENT.set(theme)
    try:
        with _use_settings(_settings(theme)):
            yield
    finally:
        _CURRENT.reset(token)


# Held while a figure is drawn or saved, because matplotlib has one set of settings per process.
_DRAWING: Final = threading.RLock()
# What each open block has replaced, in the order in which the blocks began, and the settings.
_BLOCKS: Final[list[Any]] = [mpl.rcParams]


@contextmanager
def _use_settings(settings: dict[str, Any]) -> Iterator[None]:
    """Use settings of matplotlib within the block.

    Blocks of several threads can overlap; `mpl.rc_context` would then bring back another's.
    """
    with _DRAWING:
        before = {name: dict.__getitem__(_BLOCKS[-1], name) for name in settings}
        _BLOCKS.insert(-1, before)
        dict.update(_BLOCKS[-1], settings)
    try:
        yield
    finally:
        with _DRAWING:
            place = next(n for n, block in enumerate(_BLOCKS) if block is before)
            dict.update(_BLOCKS[place + 1], _BLOCKS.pop(place))


def _settings(theme: Theme) -> dict[str, Any]:
    own = {name: getattr(theme, colour) for colour, names in _SETTINGS.items() for name in names}
    return {**_STYLE, **own, "font.family": families(theme.fonts)}


_SETTINGS: Final = {
    "ink": ("axes.labelcolor", "text.color"),
    "muted": ("axes.edgecolor", "xtick.color", "ytick.color"),
    "page": ("axes.facecolor", "figure.facecolor"),
    "grid": ("grid.color",),
}


@cache
def families(wanted: Sequence[str]) -> list[str]:
    """Return installed font families by preference: the wanted, the bundled, other scripts.

    Where none has a character, PNG and PDF show matplotlib's box in its place; an SVG, whose text
    is text, shows it in the reader's own font.
    """
    installed = {font.name for font in font_manager.fontManager.ttflist} | {_BUNDLED}
    names = (*wanted, _BUNDLED, *_STYLE["font.sans-serif"])
    return [name for name in dict.fromkeys(names) if name in installed]


@contextmanager
def drawing(figure: Figure | None = None) -> Iterator[None]:
    """Draw within the block, while no other thread draws.

    A `figure` to render has its own theme; one of the caller's has the caller's settings.
    """
    own = figure is None or isinstance(figure, _NotebookFigure)
    style = figure_style(getattr(figure, "theme", None)) if own else _use_settings(_DETERMINISTIC)
    with _DRAWING, style, warnings.catch_warnings():
        # Characters that no installed font has are drawn as boxes.
        warnings.filterwarnings("ignore", r"(?s)\s*Glyph .* missing from", UserWarning)
        warnings.filterwarnings("ignore", r"(?s).*does not support .* natively", UserWarning)
        yield


class _NotebookFigure(Figure):
    """A figure apart from pyplot that a notebook shows as a picture all the same."""

    theme: Theme

    def draw(self, renderer: Any) -> None:
        with drawing(self):
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, str]]:
        return picture(self, "png"), {"alt": alt_text(self)}


def new_figure(width: float = WIDTH, height: float = HEIGHT) -> Figure:
    """Return a new figure of a size [in], outside pyplot."""
    with drawing():
        figure = _NotebookFigure(figsize=(width, height), layout="constrained")
    figure.theme = theme_in_use()
    return figure


def title_of(figure: Figure) -> str:
    """Return the title of a figure on one line."""
    titles = [figure.get_suptitle(), *(ax.get_title(loc="left") for ax in figure.axes)]
    return " ".join(next(filter(None, titles), "").split())


@contextmanager
def without_heading(figure: Figure) -> Iterator[None]:
    """Leave title and provenance out of a figure within the block, where a page says both."""
    title, engine = title_of(figure), cast("Any", figure.get_layout_engine())
    texts = figure.findobj(Text)
    heading = [text for text in texts if " ".join(text.get_text().split()) == title][:1]
    keys = [text for text in texts if text.get_gid() == "key"]
    marked = any(text.get_gid() == "marks" for text in texts)
    panels = isinstance(engine, ConstrainedLayoutEngine) and figure.get_suptitle() and not marked
    rect = engine.get()["rect"] if panels else None

    def leave_out(out: bool) -> None:
        for text in [*heading, *_subtitles(figure)]:
            text.set_visible(not out)
        for key in keys:  # below a title, a key needs no room of its own
            key.set_in_layout(out)
        if panels:
            engine.set(rect=(0, 0, 1, 1) if out else rect)

    leave_out(True)
    try:
        yield
    finally:
        leave_out(False)


def alt_text(figure: Figure) -> str:
    """Return the alternative text of a figure: its kind, its title, its provenance."""
    kinds = [str(ax.get_label()) for ax in figure.axes]
    kind = next((name for name in kinds if name and not name.startswith(("_", "<"))), "Figure")
    words = [kind, title_of(figure), *(" ".join(t.get_text().split()) for t in _subtitles(figure))]
    return ". ".join(word.rstrip(".") for word in words if word) + "."


def _subtitles(figure: Figure) -> list[Subtitle]:
    texts = [*figure.artists, *(text for ax in figure.axes for text in ax.texts)]
    return [text for text in texts if isinstance(text, Subtitle)][:1]


_KINDS: Final = ("svg", "png", "pdf")


def metadata_of(figure: Figure, kind: str) -> dict[str, Any]:
    """Return the metadata of a file, without clock or machine, so that saving is deterministic."""
    told = next((text.about.as_json() for text in _subtitles(figure) if text.about), "{}")
    made = f"usage-analysis {usage_analysis.__version__}"
    title, words = title_of(figure), alt_text(figure)
    if kind == "svg":
        return {"Date": None, "Creator": None, "Title": title, "Description": words,
                "Keywords": [told, made]}  # fmt: skip
    if kind == "png":
        return {"Software": made, "Title": title, "Description": words, "Source": told}
    return {"CreationDate": None, "Producer": None, "Creator": made, "Title": title,
            "Subject": words, "Keywords": told}  # fmt: skip


def picture(figure: Figure, kind: str, *, dpi: float = 100) -> bytes:
    """Return a figure as SVG, PNG or PDF bytes; the same figure always gives the same bytes.

    The file's metadata hold the alternative text, the provenance, and this package's version.
    """
    out = io.BytesIO()
    with laid_out(figure):
        figure.savefig(out, format=kind, dpi=dpi, metadata=metadata_of(figure, kind))
    if kind != "svg":
        return out.getvalue()
    # Readers without the first font get others of similar width.
    return out.getvalue().replace(b"'DejaVu Sans'", b"'DejaVu Sans', Verdana, sans-serif")


@contextmanager
def laid_out(figure: Figure) -> Iterator[None]:
    """Draw a figure within the block with its layout found and fixed: saving draws it once then.

    Axes go back to where they were: a layout begins from there, and two savings would differ.
    """
    engine = figure.get_layout_engine()
    with drawing(figure):
        places = [(ax, ax.get_in_layout(), ax.get_position(original=True)) for ax in figure.axes]
        margins = {**vars(figure.subplotpars)}
        if engine is not None:
            engine.execute(figure)
        figure.set_layout_engine("none")
        try:
            yield
        finally:
            figure.set_layout_engine(engine or "none")
            vars(figure.subplotpars).update(margins)
            for ax, in_layout, place in places:
                ax.set_position(place)
                ax.set_in_layout(in_layout)


def save_figure(figure: Figure | Axes, path: str | os.PathLike[str], *, dpi: float = 200) -> Path:
    """Save a figure as SVG, PDF or PNG and return its path.

    The metadata of the file hold title, alternative text and provenance, never the key.

    Parameters
    ----------
    figure
        Figure to save, or axes, whose whole figure is saved.
    path
        File name that ends in .svg, .pdf or .png, in a folder that exists.
    dpi
        Dots per inch of a PNG; 200 by default.

    Raises
    ------
    QueryError
        The name has another ending, or its folder does not exist.

    Examples
    --------
    >>> import tempfile
    >>> import usage_analysis as ua
    >>> usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-08")
    >>> ax = ua.plot_trend(usage.daily)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ua.save_figure(ax, f"{folder}/calls.svg").name
    'calls.svg'
    """
    path = Path(path)
    target_of(path)  # a folder that does not exist is refused
    kind = path.suffix.lower().removeprefix(".")
    if kind not in _KINDS:
        raise QueryError(f"path: expected a name ending in .svg, .png or .pdf, got {path.name!r}")
    if not isinstance(figure, Figure | Axes):
        raise QueryError(f"figure: expected a figure or axes, got {figure!r:.60}")
    whole = figure if isinstance(figure, Figure) else figure_of(figure)
    path.write_bytes(picture(whole, kind, dpi=dpi))
    return path
