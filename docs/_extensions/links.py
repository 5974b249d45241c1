"""Links from every `name` in code style to its entry in the reference.

Pages, notebooks and docstrings write `busy_hour`, `ua.busy_hour(...)` or `client.by_agent` as they
would anyway, and need no markup for links.
"""

import re

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
        known = self.env.domains.python_domain.objects
        for kind in (nodes.literal, nodes.title_reference):
            for node in [*self.document.findall(kind)]:
                text = node.astext()
                # Docstrings have names in single backticks: titles in reStructuredText.
                words = node if kind is nodes.literal else nodes.literal(text, text)
                found = known.get(target_of(text))
                parents = self._parents(node)
                own = found is not None and found.docname == self.env.current_document.docname
                if found is None or own or any(isinstance(each, NO_LINK) for each in parents):
                    node.replace_self(words)
                    continue
                link = make_refnode(
                    self.app.builder,
                    self.env.current_document.docname,
                    found.docname,
                    found.node_id,
                    words.deepcopy(),
                )
                node.replace_self(link)

    def _parents(self, node: nodes.Node) -> list[nodes.Node]:
        found = []
        while node.parent is not None:
            node = node.parent
            found.append(node)
        return found


def setup(app: Sphinx) -> dict[str, object]:
    """Add the transform."""
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
