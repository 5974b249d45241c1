"""The look: colours as readers see them, themes, fonts, and what saved files say.

Covers colour and labels.
"""

import json
import re
import warnings
import zlib

import matplotlib as mpl
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

import usage_analysis as ua
from tests.figures.drawings import JAPANESE, about, frame, grouped
from usage_analysis.analysis.vocabulary import amount, clean, number, shorten, shortened
from usage_analysis.figures.colour import alike, contrast, distance
from usage_analysis.figures.groups import plot_pareto
from usage_analysis.figures.labels import spread_out
from usage_analysis.figures.style import Theme, alt_text, families, figure_style, new_figure
from usage_analysis.figures.trend import plot_trend

KEY = "Zk3nQ8aB.pR7tY2uI9oP4aS6dF1gH8jK3lZ5xC0v"


def test_contrast_is_wcags():
    """Black on white is 21 to 1, #767676 on white just passes 4.5, order does not matter."""
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)
    assert contrast("#FFFFFF", "#777777") == pytest.approx(4.48, abs=0.005)


def test_distance_is_that_of_cielab():
    """White is 100 from black, and sRGB red is 170.6 from sRGB green, as published values give."""
    assert distance("#FFFFFF", "#000000") == pytest.approx(100, abs=0.01)
    assert distance("#FF0000", "#00FF00") == pytest.approx(170.58, abs=0.05)


@pytest.mark.parametrize("vision", ["normal", "protanopia", "deuteranopia"])
def test_simulated_vision_keeps_greys(vision):
    """Greys are greys for everyone, and blue and yellow stay far apart without red or green."""
    assert distance("#808080", "#808080", vision=vision) == 0
    assert distance("#FFFFFF", "#000000", vision=vision) == pytest.approx(100, abs=0.2)
    assert distance("#0072B2", "#E69F00", vision=vision) > 60


def test_red_and_green_are_alike_to_some():
    """A red and a green that most readers tell apart are one colour with deuteranopia."""
    (words,) = alike(["#8F4F4F", "#4F7040"])
    assert "protanopia" in words or "deuteranopia" in words
    assert distance("#8F4F4F", "#4F7040") > 30


@pytest.mark.parametrize("heat", ["cividis", "viridis", "Blues", "cividis_r"])
def test_a_map_that_only_grows_lighter_or_darker_is_fine(heat):
    """Maps by one lightness keep their order, whichever way it goes."""
    assert Theme(heat=heat).problems() == []


def test_the_packages_own_theme_breaks_no_rule():
    """Six series, text and single colours are told apart with every vision simulated."""
    assert Theme().problems() == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ink": "#BBBBBB"}, "ink: contrast"),
        ({"muted": "#999999"}, "muted: contrast"),
        ({"series": ("#8F4F4F", "#4F7040", *Theme().series[:4])}, "series:"),
        ({"alarm": "#0071B0"}, "main, alarm"),
        ({"soft": "#0A70AA"}, "main, soft"),
        ({"main": "#FFFFFF"}, "main: contrast"),
        ({"alarm": "#F0E442"}, "alarm: contrast"),
        ({"series": ("#EEEEEE", *Theme().series[1:])}, "series 1: contrast"),
        ({"heat": "jet"}, "heat: jet"),
        ({"heat": "coolwarm"}, "heat: coolwarm"),
    ],
)
def test_a_theme_says_which_rules_it_breaks(changed, told):
    """Colours that cannot be read or told apart are named, one sentence each."""
    assert [words for words in Theme(**changed).problems() if words.startswith(told)]


@pytest.mark.parametrize(
    "wrong", [{"main": "red"}, {"series": ("#000000",)}, {"heat": "no map"}, {"page": "#FFF"}]
)
def test_a_theme_that_cannot_be_drawn_is_refused(wrong):
    """A colour that is not #RRGGBB, too few series, an unknown map: refused by name."""
    with pytest.raises(ua.QueryError, match=next(iter(wrong))):
        Theme(**wrong)


def test_a_theme_holds_within_its_block():
    """Figures in the block have its colours and page, those after it the package's again."""
    theme = Theme(main="#7A1F5C", page="#FFFBF0")
    daily = ua.aggregate(frame(), "D")
    before = dict(mpl.rcParams)
    with ua.figure_style(theme):
        inside = plot_trend(daily)
    outside = plot_trend(daily)
    colours = [
        next(line.get_color() for line in ax.get_lines() if line.get_gid() == "mean")
        for ax in (inside, outside)
    ]
    assert colours == ["#7A1F5C", Theme().main]
    assert inside.figure.get_facecolor() == mpl.colors.to_rgba("#FFFBF0")
    assert dict(mpl.rcParams) == before


def test_fonts_that_are_not_installed_are_passed_over():
    """The families named are installed ones, the wanted first, the bundled one always."""
    assert families(("No Such Font", "DejaVu Serif"))[:2] == ["DejaVu Serif", "DejaVu Sans"]
    assert "No Such Font" not in families(("No Such Font",))


def test_characters_without_a_font_are_drawn_without_a_word():
    """Names that no installed font can show neither raise nor warn, and stay whole in an SVG."""
    name = JAPANESE[:8] + "\U0001fae8\U00013000"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_pareto(grouped({name: 5, "$\\frac{": 3})).figure
        for kind in ("png", "pdf", "svg"):
            assert ua.figures.style.picture(figure, kind)
        assert name in ua.figures.style.picture(figure, "svg").decode()


def test_one_sum_is_one_number_in_every_figure():
    """A sum of tenths is told alike whichever way it was added up."""
    told = {amount(total) for total in (61938.5, 61938.500000000015, 61938.49999999998)}
    assert told == {number(61938.500000000015, "billed_minutes")} == {"61,938"}
    assert amount(0.0000001) == "0"
    assert amount(0.0123) == "0.0123"


def test_names_keep_to_their_room():
    """Wide characters count twice, control and turning characters go, short names stay."""
    assert shorten("Support") == "Support"
    assert shorten("a" * 30, 10) == "a" * 9 + "…"
    assert shorten("日" * 30, 10) == "日" * 4 + "…"
    assert clean("a\nb\u202ec\x00") == "a bc "


def test_names_that_begin_alike_can_be_told_apart():
    """Names that would be cut to the same are cut in the middle, in as many cells; others not."""
    desks = [f"Reception of the old harbour, desk {number:02}" for number in range(3)]
    assert shortened([*desks, "Support", "b" * 30], 16) == [
        "Reception o…k 00", "Reception o…k 01", "Reception o…k 02", "Support", "b" * 15 + "…",
    ]  # fmt: skip
    assert shortened(["日" * 9 + "一", "日" * 9 + "二"], 12) == ["日日…日日一", "日日…日日二"]
    arabic = shortened(["خدمة العملاء 1", "خدمة العملاء 2"], 8)
    assert arabic[1] == "\u200eخدمة ا…2\u200f\u200e"  # noqa: RUF001  # no Latin letter
    assert shortened(["Support", "Support"]) == ["Support", "Support"]


def test_a_name_from_right_to_left_turns_no_sentence_around():
    """Such a name is set off by marks, once however often it is shortened; others are not."""
    assert shorten("خدمة") == "\u200eخدمة\u200f\u200e"
    assert shorten(shorten("خدمة العملاء", 6), 8) == "\u200eخدمة…\u200f\u200e"
    assert shorten("Müller 3") == "Müller 3"


def test_labels_are_spread_as_little_as_it_takes():
    """Labels that have room stay; others are apart and inside, in the order of their places."""
    assert spread_out([10, 50], 10, 100) == [10, 50]
    moved = spread_out([0, 0, 1, 99, 99.5], 10, 100)
    assert moved == [10, 0, 20, 90, 100]


def saved(tmp_path, kind):
    """A figure saved, with its provenance."""
    hourly = frame()
    ax = plot_trend(ua.aggregate(hourly, "D"), about=about(hourly))
    return ua.save_figure(ax.figure, tmp_path / f"trend.{kind}"), ax


def told(path):
    """What a file's metadata say, by name."""
    body = path.read_bytes()
    if path.suffix == ".png":
        with Image.open(path) as image:
            return dict(image.text)
    if path.suffix == ".svg":
        text = body.decode()
        fields = re.findall(r"<dc:(title|description)>(.*?)</dc:", text)
        return dict(fields) | {"words": re.findall(r"<rdf:li>(.*?)</rdf:li>", text)}
    strings = re.findall(rb"/(\w+) \(((?:[^()\\]|\\.)*)\)", body)
    return {name.decode(): re.sub(rb"\\(.)", rb"\1", value).decode("latin-1")
            for name, value in strings}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "field", "maker"),
    [("png", "Source", "Software"), ("svg", "words", "words"), ("pdf", "Keywords", "Creator")],
)
def test_a_saved_figure_says_where_it_comes_from(tmp_path, monkeypatch, kind, field, maker):
    """Query, window, date of the data and version are in the file's metadata; the key is not."""
    monkeypatch.setenv("ULTRAVOX_API_KEY", KEY)
    path, ax = saved(tmp_path, kind)
    words = told(path)
    source = words[field] if kind != "svg" else words[field][0]
    found = json.loads(source)
    assert found["query"] == {"voice_id": "00000000-0000-4000-8000-000000000002"}
    assert found["as_of"] == "2026-04-01T14:37:00+00:00"
    assert f"usage-analysis {ua.__version__}" in words[maker]
    assert KEY.encode() not in path.read_bytes()
    assert KEY[9:].encode() not in b"".join(inflated(path.read_bytes()))
    assert alt_text(ax.figure) in " ".join(map(str, words.values())) or kind == "pdf"


def inflated(body):
    """Each compressed stream of a PDF."""
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", body, re.DOTALL):
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            yield stream


def test_alt_text_is_kind_finding_and_data():
    """The text for who cannot see a figure says what kind it is, what it found, of which data."""
    hourly = frame()
    words = alt_text(plot_trend(ua.aggregate(hourly, "D"), about=about(hourly)).figure)
    assert words.startswith("Line of calls per day. ")
    assert "on average over 30 whole days" in words
    assert words.endswith("sample account.")


def test_a_png_is_two_pixels_a_point_of_a_screen(tmp_path):
    """A PNG has 200 dots an inch: twice the 100 of the picture in a notebook."""
    path, ax = saved(tmp_path, "png")
    with Image.open(path) as image:
        assert image.size == (1600, 800)
    with Image.open(ua.save_figure(ax, tmp_path / "large.png", dpi=300)) as image:
        assert image.size == (2400, 1200)
    shown, _ = ax.figure._repr_png_()
    assert shown[:8] == b"\x89PNG\r\n\x1a\n"


def test_axes_of_ones_own_figure_are_drawn_on():
    """A figure of the caller's, with several axes, keeps its size and gets titles that fit."""
    figure = Figure(figsize=(12, 4))
    left, right = figure.subplots(1, 2)
    daily = ua.aggregate(frame(), "D")
    assert plot_trend(daily, ax=left) is left
    plot_trend(daily, measure="duration", ax=right)
    assert tuple(figure.get_size_inches()) == (12, 4)
    assert "\n" in left.get_title(loc="left")


def test_a_new_figure_is_apart_from_pyplot():
    """New figures have the theme's page and no manager, so that nothing keeps them alive."""
    with figure_style():
        figure = new_figure(3, 2)
    assert figure.canvas.manager is None
    assert pd.Series(figure.get_size_inches()).tolist() == [3, 2]
