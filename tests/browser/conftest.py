"""A chromium that is installed already, and pages that it opens."""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.browser.actions import places

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page asks its maker's network for fonts: not from here, and without waiting for it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
PATIENCE = 60_000
"""How long a test waits before it gives up [ms]: a busy machine is no failure."""
LOOKS = {
    "picture": "document.querySelector('.ua-figure svg').outerHTML",
    "headline": "document.querySelector('.ua-headline').innerText",
    "hours": "document.querySelector('.ua-hours-from select').selectedOptions[0].text",
    "as of": "document.querySelector('.ua-asof').innerText",
    "listed": "document.querySelectorAll('.ua-agents option').length",
    "how many": "document.querySelector('.ua-how-many input').value",
    "groups listed": "document.querySelectorAll('.ua-groups option').length",
    "values": "document.querySelectorAll('.ua-metadata-value option').length",
    "lines": "document.querySelector('.ua-python pre').offsetParent === null",
    "link": "document.querySelector('a.ua-save')?.download ?? ''",
}
"""What a action may change, as the page tells it."""
NOT_OURS = re.compile(
    r"shared (singleton )?module @jupyterlab/|cdn\.jsdelivr\.net|^Language pack '\w+' not installed"
    r"|^Plugin @jupyter\S+ .*took [\d.]+ms to activate"
)
"""Voila warns of its own packages' versions, and asks a network for an icon font; JupyterLab 4.2
has no English, and a newer one says on a busy machine that its parts were slow."""


@contextmanager
def chromium():
    """A browser for the block."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    assert path, "no chromium: apt-get install chromium fonts-dejavu-core"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="package")
def known():
    """Every control that there is."""
    return places()


@pytest.fixture(scope="package", autouse=True)
def own_folders(tmp_path_factory):
    """Servers and kernels keep their files in a folder of the test's, and find the tests."""
    folder = tmp_path_factory.mktemp("jupyter")
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, str(folder / name))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
        yield


DIM = """() => {
    const light = rgb => {
        const [r, g, b] = rgb.match(/[0-9.]+/g).map(Number).slice(0, 3).map(v => {
            v /= 255;
            return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
        const [a, b] = [light(one), light(other)].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    };
    const ground = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = getComputedStyle(at).backgroundColor;
            if (!/, 0\\)$/.test(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
    };
    const out = [];
    const look = (element, what, ink, paper, least) => {
        const found = contrast(ink, paper);
        const place = element.className || element.tagName;
        if (found < least) out.push([place, what, found, ink, paper]);
    };
    const board = document.querySelector('.ua-explorer');
    for (const element of board.querySelectorAll(
            'label, p, h1, h2, h3, a, pre, option, button, select, input, .widget-readout')) {
        if (element.matches(':disabled') || !element.checkVisibility()) continue;
        look(element, 'text', getComputedStyle(element).color, ground(element), 4.5);
        if (element.placeholder) {
            const ink = getComputedStyle(element, '::placeholder').color;
            look(element, 'placeholder', ink, ground(element), 4.5);
        }
        if (element.matches('select, input')) {
            const edge = getComputedStyle(element).borderTopColor;
            look(element, 'edge', edge, ground(element.parentElement), 3);
        }
    }
    return out;
}"""
"""Text with a contrast of less than 4.5 to its ground, and edges of fields with less than 3."""


class Board:
    """A dashboard on a page, and what the page's console said."""

    def __init__(self, browser, address, width=1400, **options):
        self.page = browser.new_page(viewport={"width": width, "height": 1000}, **options)
        self.page.set_default_timeout(PATIENCE)
        self.said = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address, wait_until="commit")

    def _heard(self, message):
        words = f"{message.text} {message.location.get('url', '')}"
        if message.type in ("error", "warning") and not NOT_OURS.search(words):
            self.said.append(words)

    def ready(self):
        """Wait until a figure is there."""
        self.page.wait_for_selector(".ua-figure svg")
        return self

    def at(self, name):
        """The element of a control's class that takes a hand."""
        return self.page.locator(
            f".ua-{name} input, .ua-{name} select, button.ua-{name}, .ua-{name} .noUi-handle"
        ).first

    def choose(self, name, label):
        """Choose an option of a list by its words; some versions write them with hard spaces."""
        words = re.compile("^" + re.escape(label).replace(r"\ ", r"\s") + "$")
        option = self.at(name).locator("option").filter(has_text=words)
        option.wait_for(state="attached")
        self.at(name).select_option(element=option.element_handle())

    def dim(self):
        """What on the page has too little contrast."""
        return self.page.evaluate(DIM)

    def drag(self, name, distance):
        """Take a slider by its handle and move it so far [px]."""
        self.at(name).hover()  # waits until it stands still
        box = self.at(name).bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        self.page.mouse.down()
        self.page.mouse.move(x + distance, y, steps=6)
        self.page.mouse.up()

    def rest(self):
        """Wait until the last of several values has been drawn: a redraw takes a file away."""
        before = None
        while before != (before := self.page.evaluate(LOOKS["picture"])):
            self.page.wait_for_timeout(800)

    def changes(self, act, what="picture", says=""):
        """Wait until a action has changed what it is to change, and all is settled."""
        before = self.page.evaluate(LOOKS[what])
        act()
        self.page.wait_for_function(
            f"""([before, words]) => {{
                const figure = document.querySelector('.ua-figure');
                const says = document.querySelector('.ua-headline').innerText;
                return ({LOOKS[what]}) !== before && says.includes(words)
                    && !says.startsWith('Asking') && !figure.matches('.ua-waiting, .ua-busy')
                    && figure.querySelector('svg') !== null;
            }}""",
            arg=[before, says],
        )
