"""A notebook in JupyterLab, in a real browser: it answers."""

import shutil

import pytest

from tests.browser.conftest import ROOT, Board
from tests.browser.servers import jupyterlab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.filterwarnings("default::ResourceWarning"),
]
NOTEBOOK = "02_peak_hours.ipynb"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / NOTEBOOK, folder)
    with jupyterlab(folder) as address:
        yield address


def run_through(browser, lab, notebook):
    """The page of a notebook whose every cell was run, and the counts of its cells."""
    board = Board(browser, f"{lab}/tree/{notebook}?token=lab&reset")
    board.page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context")
    counts = board.page.evaluate(
        """async () => {
            const app = window.jupyterapp;
            await app.restored;
            const panel = app.shell.currentWidget;
            await panel.context.ready;
            await panel.sessionContext.ready;
            await app.commands.execute('notebook:run-all-cells');
            return panel.content.widgets.filter(cell => cell.model.type === 'code')
                .map(cell => cell.model.executionCount);
        }"""
    )
    assert board.page.locator("[data-mime-type*='stderr'], [data-mime-type*='error']").count() == 0
    assert counts == list(range(1, len(counts) + 1))
    board.page.locator("img.ua-figure").first.scroll_into_view_if_needed()
    return board.ready()


def test_a_notebook_runs_and_its_dashboard_answers(browser, lab):
    """In JupyterLab a notebook runs through, and its dashboard answers mouse and keyboard."""
    board = run_through(browser, lab, NOTEBOOK)
    page = board.page
    board.changes(lambda: board.at("measure").select_option(label="joined calls"))
    board.at("measure").focus()
    board.changes(lambda: page.keyboard.press("ArrowDown"))
    board.changes(page.locator(".ua-tab button", has_text="Errors").first.click)
    board.changes(lambda: board.at("period").select_option(label="Last month"))
    assert board.said == []
