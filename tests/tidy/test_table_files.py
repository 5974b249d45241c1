"""Tables for other programs: no formula, real dates and numbers, and the way back."""

import csv
import io
import re
from decimal import Decimal

import numpy as np
import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import usage_analysis as ua
from tests.analysis.test_every_helper import HELPERS, breakdown, series
from usage_analysis.tidy.table_files import csv_of, parquet_of, xlsx_of

ZONE = "America/New_York"
SIGNS = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001
NAMES = [
    '=HYPERLINK("http://x","y")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", SIGNS[-4:],
    "'=x", "''-y", "'s-Hertogenbosch", "Café 客服", "plain", "",
]  # fmt: skip


def read_back(body):
    """A CSV as the recipe reads it, with its texts as they were."""
    exact = {} if pd.__version__ >= "3.1" else {"float_precision": "round_trip"}
    table = pd.read_csv(io.BytesIO(body), keep_default_na=False, **exact)
    for name in table:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].str.replace(rf"^'(?='*[{SIGNS}])", "", regex=True)
    return table


def cells(body):
    """The cells of a CSV as a spreadsheet takes them."""
    return [*csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))]


def test_no_cell_of_a_csv_is_a_formula():
    """No text begins with a sign that spreadsheets run, in headings neither; numbers may."""
    table = pd.DataFrame({"name": NAMES, "=heading": -1.5}, index=pd.Index(NAMES, name="@group"))
    head, *rows = cells(csv_of(table))
    assert head == ["'@group", "name", "'=heading"]
    texts = [text for row in rows for text in row[:2]]
    assert not [text for text in texts if text[:1] in {*SIGNS}]
    assert {row[2] for row in rows} == {"-1.5"}


def test_a_csv_begins_with_the_mark_of_its_encoding():
    """Excel knows UTF-8 by the byte order mark, which pandas passes over."""
    body = csv_of(pd.DataFrame({"name": ["Café 客服"]}, index=pd.Index(["x"], name="group")))
    assert body.startswith(b"\xef\xbb\xbfgroup,")
    assert pd.read_csv(io.BytesIO(body))["name"].tolist() == ["Café 客服"]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00")), max_size=4))
def test_any_names_come_back(names):
    """The one apostrophe that was put before a name can be told from those of the name."""
    body = csv_of(pd.DataFrame({"name": [*names, *NAMES]}))
    assert read_back(body)["name"].tolist() == [*names, *NAMES]


@pytest.mark.parametrize("frame", [series(1, ZONE), breakdown(ZONE)], ids=["one", "groups"])
def test_a_frame_comes_back_from_a_csv(frame):
    """Instants, counts, talk and minutes are exactly those of the frame."""
    table = read_back(csv_of(frame))
    time = pd.DatetimeIndex(pd.to_datetime(table["time_utc"]), tz="UTC", name="time")
    table.index = time.tz_convert(ZONE).as_unit("us")
    talk = pd.to_timedelta(table["duration_seconds"], unit="s").dt.round("us").dt.as_unit("us")
    again = table.assign(duration=talk)[frame.columns]
    pd.testing.assert_frame_equal(again, frame, check_exact=True, check_freq=False)
    local = pd.DatetimeIndex(table["time"])
    assert (local == frame.index.tz_localize(None)).all()


def test_an_hour_that_the_clock_shows_twice_has_two_times_in_utc():
    """The local clock of a table repeats an hour in autumn, and the UTC column does not."""
    hours = series(1, "UTC").tz_convert(ZONE)
    hours.index = pd.date_range("2026-11-01", periods=len(hours), freq="h", tz=ZONE, name="time")
    plain = ua.plain_table(hours)
    assert plain["time"].duplicated().sum() == 1
    assert plain["time_utc"].is_unique


@pytest.mark.parametrize("frame", [series(1, ZONE), breakdown(ZONE)], ids=["one", "groups"])
def test_a_frame_comes_back_from_parquet(frame, tmp_path):
    """Index, zone, talk and attributes are those of the frame, and helpers say the same of both."""
    frame.attrs["every"] = "h"
    again = pd.read_parquet(ua.save_table(frame, tmp_path / "hours.parquet"))
    pd.testing.assert_frame_equal(again, frame, check_exact=True, check_freq=False)
    assert again.attrs == frame.attrs
    for name in ("error_rate", "busy_hour", "aggregate"):
        assert repr(HELPERS[name](again)) == repr(HELPERS[name](frame))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(HELPERS))
def test_every_result_survives_parquet(name, tmp_path):
    """A report's own Parquet goes into every helper; its result has its meaning after Parquet."""
    if name == "explain_cost":
        pytest.skip("one series of two periods")
    frame = series(1, ZONE)
    again = pd.read_parquet(ua.save_table(frame, tmp_path / "hours.parquet"))
    found, expected = HELPERS[name](again), HELPERS[name](frame)
    if isinstance(found, pd.Series):
        pd.testing.assert_series_equal(found, expected, check_freq=False)
    else:
        assert repr(found) == repr(expected)
    if isinstance(found, pd.DataFrame):
        back = pd.read_parquet(ua.save_table(found, tmp_path / "result.parquet"))
        if isinstance(found.index, pd.DatetimeIndex):
            back.index = back.index.tz_convert(found.index.tz)  # in pandas 2 another object
        pd.testing.assert_frame_equal(back, found, check_freq=False)
        assert back.attrs == found.attrs
    if isinstance(found, pd.DataFrame | pd.Series):
        for write in (csv_of, xlsx_of):
            assert write(found)


def test_a_plot_takes_a_result_out_of_parquet(tmp_path):
    """The meaning of a result is in the file, so figures know its units and title."""
    rates = ua.error_rate(ua.aggregate(series(1, ZONE), "D"))
    again = pd.read_parquet(ua.save_table(rates, tmp_path / "rates.parquet"))
    one, other = (ua.plot_error_rate(table).get_title(loc="left") for table in (rates, again))
    assert one == other


def test_a_plain_table_has_plain_columns_only():
    """Numbers, flags, dates without a zone, and text: what every library takes."""
    hours = series(1, ZONE).assign(cost=Decimal("1.25"), mixed=[1, "a"] * 480, none=None)
    hours["until"] = hours.index + pd.Timedelta(hours=1)
    plain = ua.plain_table(hours)
    assert {str(kind)[:10] for kind in plain.dtypes} <= {
        "datetime64", "int64", "float64", "bool", "object", "str",
    }  # fmt: skip
    assert plain["cost"].dtype == np.float64
    assert [*plain["mixed"][:2]] == ["1", "a"]
    assert [*plain.columns[-2:]] == ["time_utc", "until_utc"]
    assert plain["duration_seconds"].tolist() == hours["duration"].dt.total_seconds().tolist()


def test_groups_with_names_of_columns_stay_apart():
    """Groups called like the time or its UTC keep their columns beside both."""
    daily = series(1)[["total_count"]].assign(time=1, time_utc=2)
    assert {*ua.plain_table(daily)} == {
        "time", "time_utc", "total_count", "time (group)", "time_utc (group)",
    }  # fmt: skip


def test_an_excel_file_has_dates_and_no_formulas(tmp_path):
    """Texts are texts, whatever they begin with and hold; dates are dates."""
    table = pd.DataFrame({"name": [*NAMES, "bell\x07"]}).assign(at=pd.Timestamp("2026-03-01"))
    path = ua.save_table(table, tmp_path / "names.xlsx")
    _, *rows = openpyxl.load_workbook(path)["Sheet1"].iter_rows()
    assert {row[1].data_type for row in rows} <= {"s", "n"}
    assert [row[1].value or "" for row in rows][: len(NAMES) - 1] == [
        re.sub(r"\r", "_x000D_", name) if "\r" in name else name for name in NAMES[:-1]
    ]
    assert all(row[2].is_date for row in rows)


def test_sums_of_tenths_are_tenths():
    """The sum of a day's billed minutes has the digits of a tenth, as its cells of a CSV show."""
    hours = series(1).assign(billed_minutes=0.1)
    assert ua.aggregate(hours, "D")["billed_minutes"].iloc[1] == 2.4
    assert b"0000001" not in csv_of(ua.aggregate(hours, "W"))


def test_a_series_is_a_table_too():
    """A result over time is a column; another one is one row."""
    hours = series(1)
    assert len(ua.plain_table(ua.traffic_intensity(hours))) == len(hours)
    assert len(ua.plain_table(ua.billing_overhead(hours))) == 1


@pytest.mark.parametrize(
    ("name", "told"),
    [("table.txt", r"path: expected a name ending in \.csv, \.xlsx, \.parquet, got"),
     ("nowhere/table.csv", "path: expected a file in an existing folder")],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, name, told):
    """A name with another ending, or in a folder that does not exist."""
    with pytest.raises(ua.QueryError, match=told):
        ua.save_table(series(1), tmp_path / name)


@pytest.mark.parametrize(("write", "extra"), [(parquet_of, "parquet"), (xlsx_of, "excel")])
def test_a_package_that_is_not_installed_is_named(monkeypatch, write, extra):
    """The message says what to install."""
    monkeypatch.setattr("usage_analysis.tidy.table_files.find_spec", lambda _: None)
    with pytest.raises(ua.QueryError, match=rf'pip install "usage-analysis\[{extra}\]"'):
        write(series(1))


def test_what_is_no_table_is_refused():
    """A reply is no table; the message says which frame to pass."""
    usage = ua.sample_client().call_usage(from_date="2026-03-02", to_date="2026-03-02")
    with pytest.raises(ua.QueryError, match=r"pass usage\.hourly"):
        ua.plain_table(usage)
