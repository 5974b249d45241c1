"""The progress bar of the command line."""

import sys

from usage_analysis.cli.progress import clear_line, progress_bar


def test_without_a_terminal_there_is_no_progress(capsys):
    """Nothing is drawn, and nothing is cleared, where standard error is a file or a pipe."""
    assert progress_bar("fetch") is None
    clear_line()
    assert capsys.readouterr() == ("", "")


def test_progress_on_a_terminal(capsys, monkeypatch):
    """The bar fills from 0 to all steps on one line, and its last step ends the line."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    draw = progress_bar("fetch")
    for done in range(3):
        draw(done, 2)
    lines = capsys.readouterr().err.split("\r")[1:]
    assert [line.count("#") for line in lines] == [0, 15, 30]
    assert [line.endswith("/2\n") for line in lines] == [False, False, True]
