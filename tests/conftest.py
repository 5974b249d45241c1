"""What every test may use: literal replies, and a log without swallowed failures."""

import json
import logging

import pytest
from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail: nothing here is a law about time.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


def row(date=None, hour=None, *, calls=0, errors=0, joined=None, seconds=0, minutes=0.0):
    """One row of a reply in the vendor's words."""
    out = {
        "totalCount": calls,
        "errorCount": errors,
        "joinedCount": calls - errors if joined is None else joined,
        "duration": f"{seconds}s",
        "billedMinutes": minutes,
    }
    return out | ({"date": date} if date else {}) | ({"hour": hour} if hour is not None else {})


def reply(hours, days=None, total=None):
    """A reply in the vendor's words from rows of hours; days are summed from them if not given."""
    if days is None:
        days = []
        for date in dict.fromkeys(r["date"] for r in hours):
            rows = [r for r in hours if r["date"] == date]
            days.append(
                row(
                    date,
                    calls=sum(r["totalCount"] for r in rows),
                    errors=sum(r["errorCount"] for r in rows),
                    joined=sum(r["joinedCount"] for r in rows),
                    seconds=sum(float(r["duration"][:-1]) for r in rows),
                    minutes=sum(r["billedMinutes"] for r in rows),
                )
            )
    return {"allTime": total or row(calls=1), "daily": days, "hourly": hours}


def as_json(document):
    """Bytes of a JSON document."""
    return json.dumps(document).encode()


_HOW = {
    "browser": 'pip install -e ".[browser]", with chromium installed, and pytest -m browser '
    "tests/browser",
    "dask": 'pip install -e ".[dask]" and pytest -n0 -m dask tests/tidy/test_engines.py',
    "slow": "pytest -m slow tests",
    "spark": 'pip install -e ".[spark]", with Java 17 installed, and pytest -n0 -m spark '
    "tests/tidy/test_engines.py",
}
_LEFT_OUT = pytest.StashKey[dict]()


def pytest_configure(config):
    """Nothing is left out yet."""
    config.stash[_LEFT_OUT] = dict.fromkeys(_HOW, 0)


def pytest_collection_modifyitems(config, items):
    """Count what an expression of marks may leave out."""
    for mark in _HOW:
        config.stash[_LEFT_OUT][mark] = sum(bool(item.get_closest_marker(mark)) for item in items)


def pytest_collection_finish(session):
    """Count what was left out; a worker tells it to the process that reports."""
    left_out = session.config.stash[_LEFT_OUT]
    for mark in _HOW:
        left_out[mark] -= sum(bool(item.get_closest_marker(mark)) for item in session.items)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Take what a worker left out, which is the same for each."""
    if not error:
        node.config.stash[_LEFT_OUT] = node.workeroutput["left out"]


def pytest_terminal_summary(terminalreporter, config):
    """Say how to run what was left out."""
    for mark, number in config.stash[_LEFT_OUT].items():
        if number:
            terminalreporter.write_line(f"{number} tests of {mark} left out: {_HOW[mark]}")


@pytest.fixture(autouse=True)
def no_swallowed_failure(caplog):
    """An exception that a widget or event loop caught and logged fails the test."""
    yield
    swallowed = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR and "xception in" in record.getMessage()
    ]
    assert not swallowed, swallowed
