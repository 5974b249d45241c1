"""A notebook in JupyterLab, in a real browser: it answers, and without a kernel still shows."""

import base64
import json
import shutil
from contextlib import contextmanager

import pytest

from tests.browser.actions import all_done, by_keyboard, by_mouse
from tests.browser.conftest import ROOT, Board
from tests.browser.servers import jupyterlab

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]
NOTEBOOK = "02_peak_hours.ipynb"
OWN, KEPT = "own.ipynb", "kept.ipynb"
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
    for name in (OWN, KEPT):
        write_notebook(folder / name, EXPLORER)
    with jupyterlab(folder) as address:
        yield address, folder


@pytest.fixture(scope="module")
def own(browser, lab):
    """The page of a notebook of the dashboard alone, which each test runs anew."""
    address, _ = lab
    return opened(browser, address, OWN)


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


@contextmanager
def in_the_dark(board):
    """JupyterLab in its dark theme for the block: it keeps the theme that it was given last."""
    theme = "await app.commands.execute('apputils:change-theme', {theme: 'JupyterLab %s'});"
    light = board.page.evaluate(GROUND)
    in_lab(board, theme % "Dark")
    board.page.wait_for_function(f"({GROUND}) !== {light!r}")
    yield
    in_lab(board, theme % "Light")


def run_through(browser, address, notebook):
    """The page of a notebook whose every cell was run."""
    return run(opened(browser, address, notebook))


def run(board):
    """The page when every cell of its notebook was run, for the first time or once more."""
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
def test_every_control(own, known, hand):
    """Every control changes what it says it does in JupyterLab, by mouse and by keyboard."""
    all_done(run(own), hand, known)


def test_without_a_kernel_the_last_figure_shows(browser, lab):
    """A notebook that was run, changed by hand and saved shows the last figure without a kernel."""
    address, folder = lab
    board = run_through(browser, address, KEPT)
    kept = "img:not(.ua-figure)[src^='data:image/png']"
    board.changes(lambda: board.choose("period", "Last 7 days"))
    board.changes(board.page.locator(".ua-tab button", has_text="Errors").click)
    assert board.page.locator(f"{kept}:visible").count() == 0  # one picture at a time
    last = board.page.locator(".ua-headline").inner_text()
    # The kernel draws the picture that is kept after the one that is shown.
    kernel = "panel.sessionContext.session.kernel"
    in_lab(board, f"await {kernel}.requestExecute({{code: '0'}}).done;")
    in_lab(board, "await app.commands.execute('docmanager:save');")
    in_lab(board, "await panel.sessionContext.shutdown();")
    assert board.said == []
    board.page.close()
    saved = json.loads((folder / KEPT).read_text(encoding="utf-8"))
    assert "widgets" not in saved["metadata"]
    board = opened(browser, address, KEPT)
    in_lab(board, "await panel.sessionContext.shutdown();")
    board.page.locator(f"{kept}:visible").wait_for()
    assert board.page.locator(".ua-explorer").count() == 0
    outputs = [cell.get("outputs", []) for cell in saved["cells"]]
    assert last in json.dumps(outputs, ensure_ascii=False)
    picture = base64.b64decode(board.page.evaluate(BYTES, kept))
    assert b"Errors" not in picture  # a title is the finding
    assert b"error rate" in picture  # of the tab that was chosen last
    assert b"sample account" in picture  # it says where it is from
    board.page.close()


def test_contrast_holds_in_the_dark(own):
    """In JupyterLab's dark theme text and fields have contrast, with a figure and with an error."""
    board, page = run(own), own.page
    with in_the_dark(board):
        page.locator("button.ua-show-python").click()
        page.locator(".ua-python pre").wait_for()
        page.locator("button.ua-csv").click()
        page.locator("a.ua-save").wait_for()
        assert board.dim() == []
        board.changes(page.locator(".ua-tab button", has_text="Capacity").click)
        assert board.dim() == []
        board.at("time-zone").fill("Nowhere")
        board.at("time-zone").press("Enter")
        page.locator(".ua-explorer [role=alert]").wait_for()
        assert board.dim() == []
    assert board.said == []
