"""Public plots: common parameters, checks, headings and parts of docstrings."""

import inspect
import re
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, TypedDict, get_type_hints

from matplotlib.axes import Axes

from usage_analysis.analysis.meaning import Meaning, Stated, meaning_of, restore_attributes
from usage_analysis.figures.axes import check_columns, check_single
from usage_analysis.figures.labels import Caption as Caption
from usage_analysis.figures.labels import write_caption
from usage_analysis.figures.marks import Mark
from usage_analysis.figures.provenance import Provenance
from usage_analysis.figures.style import drawing, new_figure

_P = ParamSpec("_P")


class PlotOptions(TypedDict, total=False):
    """Keywords of every plot."""

    title: str | None
    about: Provenance | None
    ax: Axes | None


class MarkedOptions(PlotOptions, total=False):
    """Keywords of plots with a time axis."""

    marks: Sequence[Mark]


class ResultOptions(PlotOptions, total=False):
    """Keywords of plots of a computed result."""

    meaning: Stated


class MarkedResultOptions(MarkedOptions, ResultOptions, total=False):
    """Keywords of plots of a computed result with a time axis."""


# Parameters that plots share, in the order of their signatures, with their descriptions.
_SHARED: Final = {
    "meaning": '``attrs["meaning"]`` of the original result, for a table that has lost its own.',
    "marks": "Events and periods to name on the time axis.",
    "title": "Title instead of the finding.",
    "about": "Provenance of the data, shown below the title.",
    "ax": "Axes to draw on, which keep your settings. By default those of a new figure.",
}


class Panel(NamedTuple):
    """Axes to draw on, the meaning of the drawn result, and options of some plots."""

    ax: Axes
    of: Meaning
    marks: Sequence[Mark]
    about: Provenance | None


def plot(
    *made_by: str, columns: Sequence[str] = (), single: bool = False
) -> Callable[[Callable[Concatenate[Panel, _P], Caption]], Callable[_P, Axes]]:
    """Make a public plot out of a function that draws on a panel and returns the caption.

    The plot opens the figure style, checks its table, reads the table's meaning, and writes the
    caption. It takes the options in the function's ``**_: Unpack[...]``.

    Parameters
    ----------
    made_by
        Helpers whose results are drawn. Without helpers the plot takes frames, and the meaning
        comes from its `measure`, which has to be a column.
    columns
        Columns that the table has to have.
    single
        True to refuse breakdowns.
    """

    def decorate(body: Callable[Concatenate[Panel, _P], Caption]) -> Callable[_P, Axes]:
        signature, options = _full_signature(body)
        first = next(iter(signature.parameters))

        @wraps(body)
        def drawn(*args: _P.args, **kwargs: _P.kwargs) -> Axes:
            own: dict[str, Any] = _bind(body.__name__, signature, args, kwargs)
            shared = {name: own.pop(name) for name in options}
            table = own.pop(first)
            with drawing():
                measure = None if made_by else own.get("measure")
                if columns or not made_by:
                    needed = [*columns, measure] if measure else columns
                    check_columns(first, table, *needed, made_by=made_by)
                if single:
                    check_single(first, table)
                of = Meaning(made_by="", measure=measure)
                if made_by:
                    of = meaning_of(table, *made_by, meaning=shared["meaning"], name=first)
                    table = restore_attributes(table, of)
                ax = shared["ax"] or new_figure().add_subplot()
                panel = Panel(ax, of, shared.get("marks", ()), shared["about"])
                caption = body(panel, table, **own)
                write_caption(ax, caption, shared["title"], shared["about"], table)
            return ax

        drawn.__signature__ = signature  # type: ignore[attr-defined]
        drawn.__doc__ = _full_docstring(inspect.getdoc(body) or "", options, first, made_by)
        return drawn

    return decorate


def _full_signature(body: Callable[..., Any]) -> tuple[inspect.Signature, list[str]]:
    """Return the signature of a plot with its shared options, and the names of those options."""
    signature = inspect.signature(body)
    _, *own, unpacked = signature.parameters.values()
    (typed,) = get_type_hints(body)[unpacked.name].__args__
    options = [name for name in _SHARED if name in typed.__annotations__]
    shared = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=() if name == "marks" else None,
            annotation=typed.__annotations__[name],
        )
        for name in options
    ]  # fmt: skip
    return signature.replace(parameters=[*own, *shared], return_annotation=Axes), options


def _bind(name: str, signature: inspect.Signature, args: Any, kwargs: Any) -> dict[str, Any]:
    """Return all arguments of a call by name, as Python itself would bind them."""
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise TypeError(f"{name}() {error}") from None
    bound.apply_defaults()
    return bound.arguments


def _full_docstring(doc: str, options: list[str], first: str, made_by: Sequence[str]) -> str:
    """Add the sections and the parameters that a docstring leaves out."""
    summary, *parts = re.split(r"\n\n(?=[A-Z]\w+\n---)", doc)
    sections = {part.partition("\n")[0]: part for part in parts}
    parameters = sections.pop("Parameters")
    for name in options:
        if f"\n{name}\n" not in parameters:
            parameters += f"\n{name}\n    {_SHARED[name]}"
    helpers = " or ".join(f"`{name}`" for name in made_by)
    problem = f"`{first}` is no result of {helpers}." if made_by else f"`{first}` lacks a column."
    first_sections = {
        "Returns": "Returns\n-------\nAxes\n    The axes drawn on.",
        "Raises": f"Raises\n------\nQueryError\n    {problem}",
    }
    for name, text in first_sections.items():
        first_sections[name] = sections.pop(name, text)
    return "\n\n".join([summary, parameters, *first_sections.values(), *sections.values()]) + "\n"
