"""Pages of the reference, from the package's own lists.

The public names come from the stubs, which are the only list of them. The commands and options come
from the parser of the command line, and the kinds of rules from the classes that read them.
"""

import argparse
import ast
import importlib
import inspect
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from numpydoc.docscrape import NumpyDocString
from sources import replace_sources
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import stringify_signature

import usage_analysis as ua
from usage_analysis import cli
from usage_analysis.report import rules

PACKAGE = Path(ua.__file__).parent


@dataclass(frozen=True)
class Topic:
    """Names that belong together: those of some modules."""

    name: str
    title: str
    about: str
    modules: list[str]


TOPICS = tuple(
    Topic(name, **table)
    for name, table in tomllib.loads(
        Path(__file__).with_name("topics.toml").read_text(encoding="utf-8")
    ).items()
)


@dataclass(frozen=True)
class Name:
    """A public name: where people import it from, and the module that defines it."""

    owner: str
    name: str
    module: str

    @property
    def full(self) -> str:
        """Name with its package, as in ``usage_analysis.busy_hour``."""
        return f"{self.owner}.{self.name}"

    @property
    def value(self) -> object:
        """The object."""
        return getattr(importlib.import_module(self.owner), self.name)

    @property
    def topic(self) -> Topic:
        """Topic whose modules have the longest name in common with this name's module."""
        inside = self.module.removeprefix("usage_analysis.")
        fitting = {
            module: topic
            for topic in TOPICS
            for module in topic.modules
            if f"{inside}.".startswith(f"{module}.")
        }
        if not fitting:
            raise ValueError(f"topics.toml: no topic has the module {inside} of {self.name}")
        return fitting[max(fitting, key=len)]

    @property
    def comment(self) -> list[str]:
        """Lines of the comment above a constant."""
        found = ModuleAnalyzer.for_module(self.module).find_attr_docs()
        return found["", self.name]

    @property
    def summary(self) -> str:
        """First sentence of the docstring or comment."""
        plain = not (inspect.isroutine(self.value) or inspect.isclass(self.value))
        text = " ".join(self.comment) if plain else inspect.getdoc(self.value) or ""
        return " ".join(text.partition("\n\n")[0].split())


def names_of(owner: str, stub: Path) -> list[Name]:
    """Return the names that a stub exports."""
    found = []
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            module = f"{owner}.{node.module}"
            found += [Name(owner, each.name, module) for each in node.names]
    return found


def public_names() -> list[Name]:
    """Return all public names, each once."""
    names = names_of("usage_analysis", PACKAGE / "__init__.pyi")
    known = {name.name for name in names}
    sample = names_of("usage_analysis.sample", PACKAGE / "sample" / "__init__.pyi")
    names = [each for each in names if each.module != "usage_analysis.sample"] + [
        each if each.name not in known else Name("usage_analysis", each.name, each.module)
        for each in sample
    ]
    return sorted(names, key=lambda each: each.name.lower())


def heading(text: str) -> str:
    """Return a title in reStructuredText."""
    return f"{text}\n{'=' * len(text)}\n\n"


def page_of(name: Name) -> str:
    """Return the page of a name, in reStructuredText like its docstring."""
    value, shown = name.value, name.full.removeprefix("usage_analysis.")
    if inspect.isclass(value):
        body = f".. autoclass:: {name.full}\n"
        if members := members_of(value):
            body += f"   :members: {', '.join(members)}\n"
    elif inspect.isroutine(value):
        body = f".. autofunction:: {name.full}\n"
    else:
        comment = "\n".join(f"   {line}" for line in name.comment)
        body = f".. py:data:: {name.full}\n   :type: {type(value).__name__}\n\n{comment}\n"
    return heading(shown) + body


def topic_page(topic: Topic, names: list[Name]) -> str:
    """Return the page of a topic: its names with their summaries."""
    rows = "".join(f"   * - :py:obj:`~{name.full}`\n     - {name.summary}\n" for name in names)
    pages = "".join(f"   names/{name.full.removeprefix('usage_analysis.')}\n" for name in names)
    return contents(topic.title, topic.about, rows, pages)


def members_of(value: type) -> list[str]:
    """Return the public members that a class has from this package, its own and inherited ones."""
    owners = [each for each in value.__mro__ if each.__module__.startswith("usage_analysis.")]
    names = dict.fromkeys(name for each in owners for name in vars(each) if name[0] != "_")
    documented = (inspect.isroutine, inspect.isdatadescriptor)
    # Fields are in the docstring of the class, under Parameters or Attributes.
    return [
        name
        for name in names
        if any(test(inspect.getattr_static(value, name)) for test in documented)
        and inspect.getdoc(getattr(value, name))
    ]


def signature_of(
    _app: Sphinx, what: str, name: str, value: Any, _options: Any, signature: str, returned: str
) -> tuple[str, str] | None:
    """Return a signature that Sphinx cannot know; None for all others."""
    if what == "class" and signature and signature.startswith("(*args"):  # hidden by traitlets
        found = inspect.signature(value).replace(return_annotation=inspect.Parameter.empty)
        return stringify_signature(found, unqualified_typehints=True), ""
    if returned and returned.endswith("fetch.base.R"):  # the type variable of both clients
        return signature, "Coroutine" if "AsyncClient" in name else "CallUsage"
    return None


def contents(title: str, about: str, rows: str, pages: str) -> str:
    """Return a page that lists other pages in a table of two columns."""
    return (
        f"{heading(title)}{about}\n\n"
        f".. list-table::\n   :widths: 30 70\n   :class: names\n\n{rows}\n"
        f".. toctree::\n   :hidden:\n\n{pages}"
    )


def command_pages() -> dict[str, str]:
    """Return the pages of the command line by their names, and their contents, from its parser."""
    parser = cli._parser()
    rows, pages = "", {}
    for name, each in commands_of(parser):
        page = name.partition(" ")[2].replace(" ", "-")
        pages[page] = page_of_command(name, each)
        rows += f"   * - :doc:`{name} <commands/{page}>`\n     - {each.description}\n"
    toctree = "".join(f"   commands/{page}\n" for page in pages)
    about = f"{parser.description} {COMMANDS}"
    return pages | {"commands": contents("Command line", about, rows, toctree)}


def commands_of(parser: argparse.ArgumentParser) -> list[tuple[str, argparse.ArgumentParser]]:
    """Return the commands with their parsers, those of `sample` too."""
    found = []
    for action in parser._actions:  # argparse has no public way
        if isinstance(action, argparse._SubParsersAction):
            for each in dict.fromkeys(action.choices.values()):
                found += commands_of(each) or [(each.prog, each)]
    return found


def page_of_command(name: str, parser: argparse.ArgumentParser) -> str:
    """Return the page of a command: its usage, and its options in their groups."""
    words = [each.metavar or each.dest for each in parser._actions if not each.option_strings]
    usage = " ".join([name, "[OPTIONS]", *words])
    parts = [
        f".. _command-{name.replace(' ', '-')}:\n\n{heading(name)}{parser.description}\n\n",
        f".. code-block:: text\n\n   {usage}\n\n.. program:: {name}\n\n",
    ]
    for group in parser._action_groups:
        if group._group_actions:
            title = group.title.capitalize()
            about = (
                f"{group.description[:1].upper()}{group.description[1:]}.\n\n"
                if group.description
                else ""
            )
            parts.append(f"{title}\n{'-' * len(title)}\n\n{about}")
            parts += [option(action) for action in group._group_actions]
    return "".join(parts)


def option(action: argparse.Action) -> str:
    """Return the entry of an option."""
    if not action.option_strings:
        signature = action.metavar or action.dest
    else:
        value = action.metavar or ("" if action.nargs == 0 else "|".join(action.choices or ()))
        value = " ".join(value) if isinstance(value, tuple) else value
        signature = ", ".join(f"{flag} {value}".strip() for flag in action.option_strings)
    return f".. option:: {signature}\n\n   {action.help % vars(action)}\n\n"


def table_of_rules() -> str:
    """Return the table of the kinds of rules and their keys, from the classes that read them."""
    rows = ""
    for kind in rules._KINDS:
        fields = [each for each in msgspec.structs.fields(kind) if each.name not in COMMON]
        keys = ", ".join(f"``{each.name}``{default_of(each)}" for each in fields)
        rows += f"   * - ``{kind.__struct_config__.tag}``\n     - {kind.__doc__}\n     - {keys}\n"
    head = "   * - Kind\n     - The rule\n     - Other keys\n"
    return f".. list-table::\n   :header-rows: 1\n   :widths: 18 47 35\n\n{head}{rows}"


def table_of_assumptions() -> str:
    """Return the table of what `usage-analysis doctor` checks, from its own texts."""
    rows = "   * - Topic\n     - Assumption\n     - What follows\n"
    for check in tomllib.loads((PACKAGE / "doctor" / "checks.toml").read_text("utf-8")).values():
        cells = [check[name].strip() for name in ("topic", "assumed", "follows")]
        rows += f"   * - {cells[0]}\n"
        rows += "".join(f"     - {cell}\n" for cell in cells[1:])
    return f".. list-table::\n   :header-rows: 1\n   :widths: 18 40 42\n\n{rows}"


def default_of(each: msgspec.structs.FieldInfo) -> str:
    """Return the default of a key in words; an empty text for a key that a rule must have."""
    if each.required:
        return ""
    return " (optional)" if each.default in ((), None) else f" (default {each.default})"


COMMON = ("name", "by", "group")
"""Keys that every kind of rule has."""
COMMANDS = """\
Every command prints its options with ``--help``. The exit status is 0 for success, 2 after an error
and 130 after Ctrl+C; ``check`` has others.
"""


def write_pages(app: Sphinx) -> None:
    """Write the sources of the reference, and the tables that other pages include."""
    folder, names = Path(app.srcdir) / "reference", public_names()
    pages = {name.full.removeprefix("usage_analysis."): page_of(name) for name in names}
    replace_sources(folder / "names", ".rst", pages)
    commands = command_pages()
    topics = {
        topic.name: topic_page(topic, [name for name in names if name.topic is topic])
        for topic in TOPICS
    }
    replace_sources(folder, ".rst", topics | {"commands": commands.pop("commands")})
    replace_sources(folder / "commands", ".rst", commands)
    replace_sources(folder, ".txt", {"kinds": table_of_rules()})
    notes = NumpyDocString(inspect.getdoc(ua.unusual))["Notes"]
    texts = {"assumptions": table_of_assumptions(), "notes": "\n".join(notes)}
    replace_sources(Path(app.srcdir) / "how", ".txt", texts)


def setup(app: Sphinx) -> dict[str, object]:
    """Write the pages before they are read."""
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-signature", signature_of)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
