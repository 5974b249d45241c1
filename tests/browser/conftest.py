"""A chromium that is installed already, and pages that it opens."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

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
PATIENCE = 90_000
"""How long a test waits before it gives up [ms]: a busy machine is no failure."""


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


class Board:
    """A dashboard on a page, and what the page's console said."""

    def __init__(self, browser, address, width=1400):
        self.page = browser.new_page(viewport={"width": width, "height": 1000})
        self.page.set_default_timeout(PATIENCE)
        self.said = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.goto(address, wait_until="commit")

    def _heard(self, message):
        # The page of Voila asks a network for an icon font, which is not ours to mend.
        if message.type == "error" and "cdn.jsdelivr.net" not in message.location.get("url", ""):
            self.said.append(message.text)

    def ready(self):
        """Wait until a figure is there."""
        self.page.wait_for_selector("img.ua-figure")
        self.page.wait_for_function("document.querySelector('img.ua-figure').naturalWidth > 0")
        return self

    def at(self, name):
        """The element of a control's class that takes a hand."""
        return self.page.locator(
            f".ua-{name} input, .ua-{name} select, button.ua-{name}, .ua-{name} .noUi-handle"
        ).first

    def shown(self):
        """What tells one state of the page from another: the picture and the headline."""
        return self.page.evaluate(
            "[document.querySelector('img.ua-figure').src,"
            " document.querySelector('.ua-headline').innerText]"
        )

    def changes(self, act, what="picture"):
        """Wait until a deed has changed the picture, or the headline, and all is settled."""
        before = self.shown()
        act()
        self.page.wait_for_function(
            """([src, headline, what]) => {
                const image = document.querySelector('img.ua-figure');
                const says = document.querySelector('.ua-headline').innerText;
                const other = what === 'picture' ? image.src !== src : says !== headline;
                return other && !says.startsWith('Asking') && image.complete
                    && image.naturalWidth > 0 && !image.classList.contains('ua-waiting');
            }""",
            arg=[*before, what],
        )
