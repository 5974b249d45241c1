"""Take the pictures of README and the documentation: ``python -m tests.tools.pictures [FOLDER]``.

The pictures show the dashboard of the sample account, as ``usage-analysis app`` serves it, and a
report. Chromium has to be installed. By default the pictures replace those that are shown.
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image

import usage_analysis as ua
from tests.browser.conftest import ROOT, Board, chromium
from usage_analysis.dashboard.app import served

FOLDER = ROOT / ".github" / "pictures"
ZONE = "America/New_York"
STATE = {"preset": "last_month", "comparison": "weekdays"}
WIDTH = 1200
COLOURS = 256
"""Colours per picture: enough for these drawings, in a third of the bytes."""


def take_pictures(browser, folder: Path) -> list[Path]:
    """Save the pictures in a folder and return their paths."""
    shots = {}
    with served(timezone=ZONE, state=STATE) as address:
        board = Board(browser, address, WIDTH).ready()
        shots["trends"] = board_picture(board)
        board.changes(board.page.locator(".ua-tab button", has_text="Peak hours").click)
        board.changes(lambda: board.choose("period", "Last 90 days"))
        shots["peaks"] = board_picture(board)
        board.page.close()
    shots["report"] = report_picture(browser)
    paths = []
    for name, shot in shots.items():
        paths.append(folder / f"{name}.png")
        Image.open(io.BytesIO(shot)).convert("RGB").quantize(
            COLOURS, dither=Image.Dither.NONE
        ).save(paths[-1])
    return paths


def board_picture(board) -> bytes:
    """Return a picture of the dashboard, with no control focused or under the pointer."""
    board.page.mouse.move(0, 0)
    board.page.evaluate("document.activeElement.blur()")
    shot: bytes = board.page.locator(".ua-explorer").screenshot()
    return shot


def report_picture(browser) -> bytes:
    """Return a picture of the top of a report with a breakdown by agent."""
    client = ua.sample_client()
    days = {"from_date": "2026-03-01", "to_date": "2026-03-31", "timezone": ZONE}
    usage, agents = client.call_usage(**days), client.by_agent(ua.sample.AGENTS, **days)
    with tempfile.TemporaryDirectory() as folder:
        report = ua.build_report(usage, folder, breakdown=agents, timezone=ZONE)
        page = browser.new_page(viewport={"width": WIDTH, "height": 900})
        page.goto(report.as_uri())
        shot: bytes = page.screenshot()
        page.close()
    return shot


if __name__ == "__main__":
    place = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with chromium() as opened:
        for path in take_pictures(opened, place):
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
