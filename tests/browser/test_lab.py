"""A notebook in JupyterLab, in a real browser."""

import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.browser.conftest import ROOT, Board

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default::ResourceWarning"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks/02_peak_hours.ipynb", folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
         f"--port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=lab",
         "--LabApp.expose_app_in_browser=True", f"--ServerApp.root_dir={folder}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
    )  # fmt: skip
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/lab/tree/02_peak_hours.ipynb?token=lab&reset"
    finally:
        server.terminate()
        server.wait(20)


def test_a_notebook_runs_and_its_dashboard_answers(browser, address):
    """In JupyterLab a notebook runs through, and its dashboard answers mouse and keyboard."""
    board = Board(browser, address)
    page = board.page
    page.wait_for_function("window.jupyterapp && window.jupyterapp.restored", timeout=90_000)
    page.evaluate(
        """async () => {
            const app = window.jupyterapp;
            await app.restored;
            const panel = app.shell.currentWidget;
            await panel.context.ready;
            await panel.sessionContext.ready;
            await app.commands.execute('notebook:run-all-cells');
        }"""
    )
    page.wait_for_function(
        """() => {
            const cells = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
            return cells.length > 4 && cells.every(cell => /\\[\\d+\\]/.test(cell.innerText));
        }""",
        timeout=90_000,
    )
    assert page.locator(".jp-RenderedText[data-mime-type*='stderr']").count() == 0
    page.locator("img.ua-figure").first.scroll_into_view_if_needed()
    board.ready()
    board.changes(lambda: board.at("measure").select_option(label="joined calls"))
    board.at("measure").focus()
    board.changes(lambda: page.keyboard.press("ArrowDown"))
    board.changes(page.locator(".ua-tab button", has_text="Errors").first.click)
    board.changes(lambda: board.at("days").select_option(label="Last month"))
    page.screenshot(path=str(ROOT / ".pytest_cache/lab.png"))
    assert board.said == []
