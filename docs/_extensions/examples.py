"""Directive ``example``: Python that runs while the site is built, shown with its results.

The examples of a page share their names, as the cells of a notebook do. An example shows what it
prints and the value of its last line. Axes become drawings for light and dark pages, in two widths.
"""

import ast
import contextlib
import io
from pathlib import Path
from posixpath import relpath
from typing import Any, ClassVar

import pandas as pd
from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from usage_analysis.figures.groups import groups_figure
from usage_analysis.figures.style import (
    NARROW_WIDTH,
    alt_text,
    figure_style,
    new_figure,
    picture,
    theme_in_use,
    without_heading,
)
from usage_analysis.report.page import dark_rules

FOLDER = "_figures"
"""Folder of the drawings in the built site."""
TALLER = 0.6
"""Height that a narrow figure needs more, for its longer heading [in]."""


class drawing(nodes.General, nodes.Element):  # noqa: N801  # docutils names nodes like this
    """A figure in files of `FOLDER`: the names of its wide and narrow file, and its words."""


def save(figure: Figure, path: Path) -> None:
    """Save a figure for light and dark pages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    svg = picture(figure, "svg")
    head, tag, tail = svg.partition(b"<defs>")
    sheet = f"<style>{dark_rules(theme_in_use())}</style>".encode()
    path.with_suffix(".svg").write_bytes(svg)
    path.with_name(f"{path.name}-dark.svg").write_bytes(head + sheet + tag + tail)


def draw_narrow(code: str, names: dict[str, object], figure: Figure) -> Figure:
    """Repeat the last `plot_...` of an example on axes that fit a phone.

    Titles are wrapped when they are drawn, so a figure cannot be made narrow afterwards.
    """
    values = [each.value for each in ast.parse(code).body if hasattr(each, "value")]
    call = [each for each in values if ast.unparse(each).startswith("ua.plot_")][-1]
    with figure_style():
        if ast.unparse(call.func) == "ua.plot_groups":
            narrow = groups_figure(len(figure.axes), NARROW_WIDTH)
            where, place = "figure", narrow
        else:
            narrow = new_figure(NARROW_WIDTH, figure.get_figheight() + TALLER)
            where, place = "ax", narrow.add_subplot()
        call.keywords.append(ast.keyword(where, ast.Name("place", ast.Load())))
        tree = ast.fix_missing_locations(ast.Expression(call))
        eval(compile(tree, "<example>", "eval"), names | {"place": place})  # noqa: S307
    return narrow


def visit_drawing(translator: Any, node: drawing) -> None:
    """Write the pictures of a drawing; the style sheet of the theme shows one of them."""
    here = Path(translator.builder.current_docname).parent.as_posix()
    wide, narrow = (relpath(f"{FOLDER}/{node[name]}", here) for name in ("wide", "narrow"))
    alt = translator.attval(node["alt"])
    parts = []
    for ending, shown in (("", "only-light"), ("-dark", "only-dark")):
        source = f'<source media="(max-width: 600px)" srcset="{narrow}{ending}.svg">'
        image = f'<img class="{shown}" src="{wide}{ending}.svg" alt="{alt}" loading="lazy">'
        parts.append(f"<picture>{source}{image}</picture>")
    translator.body.append(f'<div class="drawing">{"".join(parts)}</div>\n')
    raise nodes.SkipNode


def run(code: str, names: dict[str, object]) -> tuple[str, object]:
    """Run Python and return what it prints, and the value of its last line if that has one."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "<example>", "exec"), names)  # noqa: S102  # the page's own code
        value = None
        if last is not None:
            value = eval(compile(ast.Expression(last.value), "<example>", "eval"), names)  # noqa: S307
    return printed.getvalue(), value


class Example(SphinxDirective):
    """Run Python, and show the code and its results."""

    has_content = True
    option_spec: ClassVar = {"thumbnail": directives.flag}

    def run(self) -> list[nodes.Node]:
        """Return the code block with the results below it."""
        code = "\n".join(self.content)
        block = nodes.literal_block(code, code, language="python")
        names = self.env.temp_data.setdefault("names of examples", {})
        try:
            printed, value = run(code, names)
        except Exception as error:  # noqa: BLE001  # a page with a failing example is not built
            return [block, self.state.document.reporter.error(repr(error), line=self.lineno)]
        shown: list[nodes.Node] = [block]
        if printed:
            shown.append(nodes.literal_block(printed, printed, language="text", classes=["output"]))
        if isinstance(value, Axes):
            shown.append(self._draw(value.get_figure(root=True), code, names))
        elif isinstance(value, pd.DataFrame):
            # The name of the index goes beside the names of the columns.
            table = value.rename_axis(index=None, columns=value.index.name)
            html = table.to_html(border=0, classes="table frame")
            html = f'<div class="pst-scrollable-table-container">{html}</div>'
            shown.append(nodes.raw("", html, format="html"))
        elif value is not None:
            text = repr(value)
            shown.append(nodes.literal_block(text, text, language="text", classes=["output"]))
        return shown

    def _draw(self, figure: Figure, code: str, names: dict[str, object]) -> nodes.Node:
        number = self.env.temp_data["figures"] = self.env.temp_data.get("figures", 0) + 1
        name = f"{self.env.docname.replace('/', '-')}-{number}"
        folder = Path(self.env.app.outdir) / FOLDER
        narrow = draw_narrow(code, names, figure)
        save(figure, folder / name)
        save(narrow, folder / f"{name}-narrow")
        if "thumbnail" in self.options:
            with without_heading(narrow):
                save(narrow, folder / f"{name}-thumbnail")
        return drawing(wide=name, narrow=f"{name}-narrow", alt=alt_text(figure))


class Thumbnail(SphinxDirective):
    """Show the first drawing of another page, small and without its title."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing; the page named in the argument writes its files."""
        name = f"{self.arguments[0].replace('/', '-')}-1-thumbnail"
        return [drawing(wide=name, narrow=name, alt="")]


def setup(app: Sphinx) -> dict[str, object]:
    """Add the directive and the node."""
    app.add_node(drawing, html=(visit_drawing, None))
    app.add_directive("example", Example)
    app.add_directive("thumbnail", Thumbnail)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
