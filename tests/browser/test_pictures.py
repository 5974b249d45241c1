"""The pictures of README and the documentation can be taken again, and all are shown."""

import re

import pytest
from PIL import Image

from tests.browser.conftest import ROOT
from tests.tools.pictures import FOLDER, take_pictures

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]


def test_pictures_can_be_taken_again(browser, tmp_path):
    """The script takes every picture that README or a page shows, of the size that is shown."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    taken = take_pictures(browser, tmp_path)
    assert set(re.findall(r"\.github/pictures/([\w-]+\.png)", text)) == {p.name for p in taken}
    for path in taken:
        with Image.open(path) as now, Image.open(FOLDER / path.name) as before:
            assert abs(now.width - before.width) <= 40
            assert len(now.convert("RGB").getcolors(1 << 24)) > 50
