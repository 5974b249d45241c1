"""The progress bar of the command line."""

import sys
from argparse import Namespace

from usage_analysis.cli.progress import clear_line, progress_bar


def test_without_a_terminal_there_is_no_progress(capsys):
    """Nothing is drawn, and nothing is cleared, where standard error is a file or a pipe."""
    assert progress_bar("fetch", Namespace(quiet=False)) is None
    clear_line()
    assert capsys.readouterr() == ("", "")


def test_quiet_commands_draw_none(monkeypatch):
    """With --quiet nothing is drawn on a terminal either."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert progress_bar("fetch", Namespace(quiet=True)) is None


def test_progress_on_a_terminal(capsys, monkeypatch):
    """The bar stays on one line, and its last step leaves that line empty."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    draw = progress_bar("fetch", Namespace(quiet=False))
    for done in range(3):
        draw(done, 2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "0/2" in err
    assert "\n" not in err
    assert err.endswith(" \r")
