"""README's pictures can be taken again, and README shows the ones that are there."""

import re

import pytest
from PIL import Image

from tests.browser.conftest import ROOT
from tests.tools.pictures import FOLDER, take_pictures

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("default::ResourceWarning")]


def test_pictures_can_be_taken_again(browser, tmp_path):
    """The script takes every picture that README shows, of the size that is shown."""
    shown = re.findall(r"\]\((\.github/[^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    taken = take_pictures(browser, tmp_path)
    assert sorted(shown) == sorted(f".github/pictures/{path.name}" for path in taken)
    for path in taken:
        with Image.open(path) as now, Image.open(FOLDER / path.name) as before:
            assert abs(now.width - before.width) <= 40
            assert len(now.convert("RGB").getcolors(1 << 24)) > 50
