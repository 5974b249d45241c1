"""A notebook in JupyterLab, in a real browser: it answers, and without a kernel still shows."""

import base64
import json
import shutil

import pytest

from tests.browser.conftest import ROOT, Board
from tests.browser.deeds import all_done, by_keyboard, by_mouse
from tests.browser.servers import jupyterlab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default::ResourceWarning"),
]
NOTEBOOK = "02_peak_hours.ipynb"
OWN = "own.ipynb"
EXPLORER = """
import usage_analysis as ua

state = {"preset": "last_month"}
ua.Explorer(ua.sample_client(), timezone="America/New_York", state=state)
"""
GROUND = "getComputedStyle(document.querySelector('.ua-explorer')).backgroundColor"
BYTES = """async selector => {
    const image = document.querySelector(selector);
    const bytes = new Uint8Array(await (await fetch(image.src)).arrayBuffer());
    return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ''));
}"""


def write_notebook(path, *sources):
    """A notebook of these cells that nobody has run."""
    cells = [
        {"cell_type": "code", "execution_count": None, "id": f"cell-{place}", "metadata": {},
         "outputs": [], "source": source}
        for place, source in enumerate(sources)
    ]  # fmt: skip
    kernel = {"display_name": "", "language": "python", "name": "python3"}
    text = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(text), encoding="utf-8")


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / NOTEBOOK, folder)
    write_notebook(folder / OWN, EXPLORER)
    with jupyterlab(folder) as address:
        yield address, folder


def opened(browser, address, notebook):
    """A notebook's page, with its kernel."""
    board = Board(browser, f"{address}/tree/{notebook}?token=lab&reset")
    board.page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context")
    in_lab(board, "await app.restored; await panel.context.ready;")
    in_lab(board, "await panel.sessionContext.ready;")
    return board


def in_lab(board, script):
    """What a script returns that knows JupyterLab as `app` and the notebook as `panel`."""
    return board.page.evaluate(
        f"""async () => {{
            const app = window.jupyterapp, panel = app.shell.currentWidget;
            {script}
        }}"""
    )


def in_theme(board, name):
    """JupyterLab in another theme, which it keeps."""
    in_lab(board, f"await app.commands.execute('apputils:change-theme', {{theme: '{name}'}});")


def run_through(browser, address, notebook):
    """The page of a notebook whose every cell was run."""
    board = opened(browser, address, notebook)
    counts = in_lab(
        board,
        """await app.commands.execute('notebook:run-all-cells');
        return panel.content.widgets.filter(cell => cell.model.type === 'code')
            .map(cell => cell.model.executionCount);""",
    )
    assert board.page.locator("[data-mime-type*='stderr'], [data-mime-type*='error']").count() == 0
    assert counts == list(range(counts[0], counts[0] + len(counts)))
    in_lab(
        board,
        """const shows = cell => JSON.stringify(cell.model.outputs?.toJSON() ?? '');
        const place = panel.content.widgets.findIndex(cell => shows(cell).includes('widget-view'));
        await panel.content.scrollToItem(place, 'start');""",
    )  # some versions take a cell that is out of sight off the page
    return board.ready()


def test_a_notebook_runs_and_its_dashboard_answers(browser, lab):
    """In JupyterLab a notebook of ours runs through, and its dashboard answers."""
    address, _ = lab
    board = run_through(browser, address, NOTEBOOK)
    board.changes(lambda: board.choose("measure", "joined calls"))
    board.changes(board.page.locator(".ua-tab button", has_text="Errors").first.click)
    assert board.said == []
    board.page.close()


@pytest.mark.parametrize("hand", [by_mouse, by_keyboard])
def test_every_control(browser, lab, known, hand):
    """Every control changes what it says it does in JupyterLab, by mouse and by keyboard."""
    address, _ = lab
    board = run_through(browser, address, OWN)
    all_done(board, hand, known)
    board.page.close()


def test_without_a_kernel_the_last_figure_shows(browser, lab):
    """A notebook that was run, changed by hand and saved shows the last figure without a kernel."""
    address, folder = lab
    board = run_through(browser, address, OWN)
    kept = "img:not(.ua-figure)[src^='data:image/png']"
    board.changes(lambda: board.choose("period", "Last 7 days"))
    board.changes(board.page.locator(".ua-tab button", has_text="Errors").click)
    assert board.page.locator(f"{kept}:visible").count() == 0  # one picture at a time
    last = board.page.evaluate(BYTES, "img.ua-figure")
    in_lab(board, "await app.commands.execute('docmanager:save');")
    in_lab(board, "await panel.sessionContext.shutdown();")
    assert board.said == []
    board.page.close()
    saved = json.loads((folder / OWN).read_text(encoding="utf-8"))
    assert "widgets" not in saved["metadata"]
    board = opened(browser, address, OWN)
    in_lab(board, "await panel.sessionContext.shutdown();")
    board.page.locator(f"{kept}:visible").wait_for()
    assert board.page.locator(".ua-explorer").count() == 0
    assert board.page.evaluate(BYTES, kept) == last
    assert b"sample account" in base64.b64decode(last)  # it says where it is from
    board.page.close()


def test_contrast_holds_in_the_dark(browser, lab):
    """In JupyterLab's dark theme text and fields have contrast, with a figure and with an error."""
    address, _ = lab
    board = run_through(browser, address, OWN)
    page = board.page
    in_lab(
        board, "await app.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'});"
    )
    page.wait_for_function(f"({GROUND}) !== {page.evaluate(GROUND)!r}")
    page.locator("button.ua-show-python").click()
    page.locator(".ua-python pre").wait_for()
    page.locator("button.ua-csv").click()
    page.locator("a.ua-save").wait_for()
    assert board.dim() == []
    board.changes(page.locator(".ua-tab button", has_text="Capacity").click)
    assert board.dim() == []
    board.at("time-zone").fill("Nowhere")
    board.at("time-zone").press("Enter")
    page.locator("[role=alert]").wait_for()
    assert board.dim() == []
    in_lab(
        board, "await app.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'});"
    )
    page.close()
