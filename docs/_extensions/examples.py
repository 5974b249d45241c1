"""Directive ``example``: Python that runs while the site is built, shown with its results.

The examples of a page share their names, as the cells of a notebook do. An example shows what it
prints and the value of its last line. Axes become drawings for light and dark pages, in two widths.
"""

import ast
import contextlib
import io
from pathlib import Path
from posixpath import relpath
from typing import Any

import pandas as pd
from docutils import nodes
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from usage_analysis.figures.style import (
    NARROW_WIDTH,
    alt_text,
    picture,
    theme_in_use,
    title_of,
    without_heading,
)
from usage_analysis.report.page import dark_rules

FOLDER = "_figures"
"""Folder of the drawings in the built site."""
NARROW_HEIGHT = 3.6
"""Greatest height of drawings for a phone [in]."""
MOST_PANELS = 4
"""Number of axes above which a figure is not redrawn for a phone."""


class drawing(nodes.General, nodes.Element):  # noqa: N801  # docutils names nodes like this
    """A figure in files of `FOLDER`: its name without ending, its title and alternative text."""


def save_drawing(figure: Figure, name: str, out: Path) -> None:
    """Save a figure for light and dark pages, wide and narrow.

    On a phone the title would be cut off, so the page writes it below the narrow drawing.
    """
    out.mkdir(parents=True, exist_ok=True)
    sheet = f"<style>{dark_rules(theme_in_use())}</style>".encode()
    drawn = {name: picture(figure, "svg")}
    width, height = figure.get_size_inches()
    with without_heading(figure):
        if len(figure.axes) <= MOST_PANELS:
            figure.set_size_inches(NARROW_WIDTH, min(height, NARROW_HEIGHT))
        drawn[f"{name}-narrow"] = picture(figure, "svg")
        figure.set_size_inches(width, height)
    for each, svg in drawn.items():
        (out / f"{each}.svg").write_bytes(svg)
        head, tag, tail = svg.partition(b"<defs>")
        (out / f"{each}-dark.svg").write_bytes(head + sheet + tag + tail)


def visit_drawing(translator: Any, node: drawing) -> None:
    """Write the pictures of a drawing; the style sheet of the theme shows one of them."""
    here = Path(translator.builder.current_docname).parent.as_posix()
    place = relpath(f"{FOLDER}/{node['name']}", here)
    alt, title = translator.attval(node["alt"]), translator.encode(node["title"])
    parts = []
    for ending, shown in (("", "only-light"), ("-dark", "only-dark")):
        image = f'<img class="{shown}" src="{place}{ending}.svg" alt="{alt}" loading="lazy">'
        small = "all" if node["thumbnail"] else "(max-width: 600px)"
        narrow = f'<source media="{small}" srcset="{place}-narrow{ending}.svg">'
        parts.append(f"<picture>{narrow}{image}</picture>")
    caption = f"<figcaption>{title}</figcaption>" if title else ""
    translator.body.append(f'<figure class="drawing">{"".join(parts)}{caption}</figure>\n')
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
            value = value.get_figure(root=True)
        if isinstance(value, Figure):
            shown.append(self._draw(value))
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

    def _draw(self, figure: Figure) -> nodes.Node:
        number = self.env.temp_data["figures"] = self.env.temp_data.get("figures", 0) + 1
        name = f"{self.env.docname.replace('/', '-')}-{number}"
        save_drawing(figure, name, Path(self.env.app.outdir) / FOLDER)
        return drawing(name=name, title=title_of(figure), alt=alt_text(figure), thumbnail=False)


class Thumbnail(SphinxDirective):
    """Show the first drawing of another page, without its title."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the drawing; the page named in the argument writes its files."""
        return [
            drawing(
                name=f"{self.arguments[0].replace('/', '-')}-1", title="", alt="", thumbnail=True
            )
        ]


def setup(app: Sphinx) -> dict[str, object]:
    """Add the directive and the node."""
    app.add_node(drawing, html=(visit_drawing, None))
    app.add_directive("example", Example)
    app.add_directive("thumbnail", Thumbnail)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
