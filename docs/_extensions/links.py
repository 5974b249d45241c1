"""Links from every `name` in code style to its entry in the reference.

Pages, notebooks and docstrings write `busy_hour`, `ua.busy_hour(...)` or `client.by_agent` as they
would anyway, and need no markup for links.
"""

import re
from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

# Variables of the examples, by the class of their value.
VARIABLES = {"client.": "Client.", "archive.": "Archive.", "usage.": "CallUsage."}
NO_LINK = (nodes.reference, nodes.title, addnodes.desc_signature, addnodes.pending_xref)


def target_of(text: str) -> str:
    """Return the full name for a name as people write it."""
    name = re.sub(r"\(.*\)$", "", text.strip(), flags=re.DOTALL)
    name = name.removeprefix("usage_analysis.").removeprefix("ua.")
    for variable, owner in VARIABLES.items():
        if name.startswith(variable):
            name = owner + name.removeprefix(variable)
    return f"usage_analysis.{name}"


class LinkNames(SphinxPostTransform):
    """Link names in code style to the reference."""

    default_priority = 5

    def run(self, **_: object) -> None:
        """Link the names of one page."""
        for kind in (nodes.literal, nodes.title_reference):
            for node in [*self.document.findall(kind)]:
                text = node.astext()
                # Docstrings have names in single backticks: titles in reStructuredText.
                words = node if kind is nodes.literal else nodes.literal(text, text)
                here, (page, anchor) = self.env.current_document.docname, self._find(text)
                if page in ("", here) or any(isinstance(up, NO_LINK) for up in parents(node)):
                    node.replace_self(words)
                else:
                    link = make_refnode(self.app.builder, here, page, anchor, words.deepcopy())
                    node.replace_self(link)

        for node in [*self.document.findall(nodes.term)]:
            # A section "Raises" lists the names of errors.
            names = node.astext().split(", ")
            if all(name.endswith("Error") for name in names):
                parts = [part for name in names for part in (nodes.Text(", "), self._linked(name))]
                node.children = []
                node.extend(parts[1:])

    def _linked(self, name: str) -> nodes.Node:
        """Return a name, linked to the reference if it is there."""
        page, anchor = self._find(name)
        here, words = self.env.current_document.docname, nodes.Text(name)
        return make_refnode(self.app.builder, here, page, anchor, words) if page else words

    def _find(self, text: str) -> tuple[str, str]:
        """Return the page and the anchor of a name or a command; empty texts if there is none."""
        if text == "usage_analysis.tidy.frames":
            return "reference/frames-and-columns", ""
        known = self.env.domains.python_domain.objects
        name = target_of(text)
        found = known.get(name)
        if found is None and "_" in name.removeprefix("usage_analysis."):
            # `call_usage` alone is the client's; shorter names are too common for that.
            found = known.get(name.replace("usage_analysis.", "usage_analysis.Client."))
        if found is not None:
            return found.docname, found.node_id
        command = re.match(r"usage-analysis (sample )?\w+", text)
        label = f"command-{command[0].replace(' ', '-')}" if command else ""
        return self.env.domains.standard_domain.anonlabels.get(label, ("", ""))


def parents(node: nodes.Node) -> Iterator[nodes.Node]:
    """Yield the nodes around a node."""
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app: Sphinx) -> dict[str, object]:
    """Add the transform."""
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
