"""The built documentation site: its links, its reference, and what it loads."""

import argparse
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import usage_analysis as ua
from usage_analysis import cli
from usage_analysis.figures.catalogue import CATALOGUE
from usage_analysis.report import rules

pytestmark = pytest.mark.docs

SITE = Path(__file__).resolve().parents[2] / "docs" / "_build" / "html"
LOADED = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "link": "href"}
"""Attributes with the address of a file that a browser loads for the page."""


class Page(HTMLParser):
    """Links, anchors and loaded files of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links, self.anchors, self.loaded = [], set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag == "a" and "href" in attributes:
            self.links.append(attributes["href"])
        if tag in LOADED and LOADED[tag] in attributes:
            self.loaded.append(attributes[LOADED[tag]])


@pytest.fixture(scope="module")
def pages():
    """All pages of the site by their path."""
    found = {
        path.resolve(): Page(path) for path in SITE.rglob("*.html") if "_static" not in path.parts
    }
    assert len(found) > 100, f"build the site first: {SITE}"
    return found


@pytest.fixture(scope="module")
def inventory():
    """Names of the site's objects by their kind."""
    from sphinx.util.inventory import InventoryFile

    content = (SITE / "objects.inv").read_bytes()
    found = InventoryFile.loads(content, uri="")
    return {kind: set(objects) for kind, objects in found.data.items()}


def test_links_lead_somewhere(pages):
    """Each link inside the site leads to a file of the site, and to an anchor that is there."""
    lost, seen = [], 0
    for path, page in pages.items():
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or link in ("#", ""):
                continue
            seen += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                lost.append(f"{path.relative_to(SITE)}: {link}")
    assert seen > 1000
    assert lost == []


def test_nothing_comes_from_elsewhere(pages):
    """No page loads a script, a style sheet, a font or a picture from another host."""
    for path, page in pages.items():
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{path.relative_to(SITE)}: {address}"


def test_style_sheets_load_nothing_from_elsewhere():
    """No style sheet imports from, or has a font or picture on, another host."""
    sheets = [*SITE.rglob("*.css")]
    assert sheets
    for path in sheets:
        text = path.read_text(encoding="utf-8")
        for begin in ("url(http", 'url("http', "url('http", "url(//", '@import "http'):
            assert begin not in text, path.relative_to(SITE)


def test_every_public_name_is_in_the_reference(inventory):
    """Each public name has an entry, and so has each public method of a class."""
    objects = set().union(*(names for kind, names in inventory.items() if kind[:3] == "py:"))
    for owner, module in (("usage_analysis", ua), ("usage_analysis.sample", ua.sample)):
        for name in set(module.__all__) - {"sample", "sample_client"}:
            assert f"{owner}.{name}" in objects
    assert "usage_analysis.sample_client" in objects
    for owner in (ua.Client, ua.AsyncClient, ua.CallUsage, ua.Archive, ua.Explorer, ua.Theme):
        methods = [name for name in vars(owner) if not name.startswith("_")]
        for name in methods:
            if callable(getattr(owner, name)):
                assert f"usage_analysis.{owner.__name__}.{name}" in objects


def parsers(parser):
    """Return the parser of each command."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)
            return
    yield parser


def test_every_option_is_in_the_reference(inventory):
    """Each option and each argument of each command has an entry."""
    commands = [*parsers(cli._parser())]
    assert len(commands) == 7
    for command in commands:
        name = command.prog.replace(" ", "-")
        for action in command._actions:
            for flag in action.option_strings or [action.metavar or action.dest]:
                assert f"{name}.{flag}" in inventory["std:cmdoption"], (command.prog, flag)


def test_every_rule_and_key_is_in_the_reference():
    """The page about rules has each kind of rule, each of its keys and each key of the file."""
    page = (SITE / "reference" / "rules.html").read_text(encoding="utf-8")
    keys = {field for kind in rules._KINDS for field in kind.__struct_fields__}
    kinds = {kind.__struct_config__.tag for kind in rules._KINDS}
    for word in {*rules.Rules.__struct_fields__, *keys, *kinds}:
        assert re.search(rf'<span class="pre">[^<]*\b{word}\b', page), word


def test_every_figure_is_in_the_gallery():
    """Each figure of the catalogue has a page with a drawing, and stands in the gallery."""
    index = (SITE / "gallery" / "index.html").read_text(encoding="utf-8")
    for name in CATALOGUE:
        assert f'href="{name}.html"' in index
        page = (SITE / "gallery" / f"{name}.html").read_text(encoding="utf-8")
        assert f"_figures/gallery-{name}-1.svg" in page
        assert (SITE / "_figures" / f"gallery-{name}-1-dark.svg").is_file()


def test_pictures_of_notebooks_can_be_read_aloud():
    """Each picture of a notebook has words, which are not the name of its file."""
    pages = [*(SITE / "notebooks").glob("0*.html")]
    texts = [
        text for page in pages for text in re.findall('<img alt="(.*?)"', page.read_text("utf-8"))
    ]
    assert len(texts) > len(pages)
    assert all(text and not text.endswith(".png") for text in texts)
