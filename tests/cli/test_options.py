"""The options that commands share: account, days and filters."""

import argparse

import pytest

from usage_analysis.cli.options import add_sections, filters_of, format_flags, parse_day, query_of
from usage_analysis.sample import sample_client

AGENTS = ["1f0e9a52-7d1b-4c3e-8a0d-5b6f2c94d7a3", "c84bbcbd-d58c-4d5f-9e6f-0b1c3a7f52e1"]


def parse(*arguments):
    """Parse the options of days and filters."""
    parser = argparse.ArgumentParser()
    add_sections(parser, "days", "filters")
    return parser.parse_args(arguments)


def test_filters_have_the_names_of_the_library():
    """Each filter that was given has its parameter's name and form; others are absent."""
    assert filters_of(parse()) == {}
    given = parse(
        *("--agent", AGENTS[0], "--agent", AGENTS[1], "--metadata", "a=1", "--metadata", "b=x=y"),
        *("--duration-min", "5", "--time-of-day-end", "12:00"),
    )
    assert filters_of(given) == {
        "agent_ids": AGENTS,
        "duration_min": "5",
        "metadata": {"a": "1", "b": "x=y"},
        "time_of_day_end": "12:00",
    }
    assert format_flags(["agent_ids", "time_of_day_end"]) == "--agent, --time-of-day-end"


def test_days_default_to_the_last_month():
    """Without days, the period is today of the account and the 30 days before; the query asks for
    one more hour, from which zones off the hour are computed."""
    with sample_client() as client:
        first, last, query = query_of(parse("--timezone", "America/New_York"), client)
    assert (str(first), str(last)) == ("2026-03-02", "2026-04-01")
    assert query.from_date.isoformat() == "2026-03-02T04:00:00+00:00"


@pytest.mark.parametrize("text", ["soon", "2026-02-30", "20260301x", ""])
def test_a_day_is_a_date(text):
    """A day that is not a date is refused with an example."""
    with pytest.raises(argparse.ArgumentTypeError, match="expected a day such as 2026-03-31"):
        parse_day(text)
