"""Literal replies for all tests, and a check that no exception was only logged."""

import gc
import json
import logging

import pytest
from hypothesis import HealthCheck, settings

# No test is about time, so a busy machine is no reason to fail. CI also runs the thorough profile.
for name, examples in (("quick", 20), ("thorough", 60)):
    settings.register_profile(
        name, deadline=None, max_examples=examples, suppress_health_check=[HealthCheck.too_slow]
    )
settings.load_profile("quick")


def costly(test):
    """Run a property whose examples take long with a quarter of the profile's examples."""
    return settings(max_examples=settings.default.max_examples // 4)(test)


def row(date=None, hour=None, *, calls=0, errors=0, joined=None, seconds=0, minutes=0.0):
    """Return one row of a reply in the vendor's form."""
    out = {
        "totalCount": calls,
        "errorCount": errors,
        "joinedCount": calls - errors if joined is None else joined,
        "duration": f"{seconds}s",
        "billedMinutes": minutes,
    }
    return out | ({"date": date} if date else {}) | ({"hour": hour} if hour is not None else {})


def reply(hours, days=None, total=None):
    """Return a reply in the vendor's form; by default its daily rows are summed from the hours."""
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
    """Return a document as bytes of JSON."""
    return json.dumps(document).encode()


_HOW = {
    "browser": 'pip install -e ".[browser]", with chromium installed, and pytest -m browser '
    "tests/browser",
    "dask": 'pip install -e ".[dask]" and pytest -n0 -m dask tests/tidy/test_engines.py',
    "docs": 'pip install -e ".[docs]", build the site (see CONTRIBUTING.md) and pytest -m docs '
    "tests/docs",
    "slow": "pytest -m slow tests",
    "spark": 'pip install -e ".[spark]", with Java 17 installed, and pytest -n0 -m spark '
    "tests/tidy/test_engines.py",
}
_LEFT_OUT = pytest.StashKey[dict]()


def pytest_configure(config):
    """Start to count the tests that are left out."""
    gc.disable()  # until all tests are collected: nothing that is imported becomes garbage
    config.stash[_LEFT_OUT] = dict.fromkeys(_HOW, 0)


def pytest_collection_modifyitems(config, items):
    """Count the tests of each mark, before pytest deselects any."""
    for mark in _HOW:
        config.stash[_LEFT_OUT][mark] = sum(bool(item.get_closest_marker(mark)) for item in items)


def pytest_collection_finish(session):
    """Count the deselected tests; an xdist worker sends the number to the main process."""
    # Modules and tests live until the end, so no collection of garbage has to visit them again.
    gc.freeze()
    gc.enable()
    left_out = session.config.stash[_LEFT_OUT]
    for mark in _HOW:
        left_out[mark] -= sum(bool(item.get_closest_marker(mark)) for item in session.items)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left out"] = left_out


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node, error):
    """Take the number from a worker; all workers have the same."""
    if not error:
        node.config.stash[_LEFT_OUT] = node.workeroutput["left out"]


def pytest_terminal_summary(terminalreporter, config):
    """Print how to run the tests that were left out."""
    for mark, number in config.stash[_LEFT_OUT].items():
        if number:
            terminalreporter.write_line(
                f"{number} tests marked {mark} were left out; to run them: {_HOW[mark]}"
            )


@pytest.fixture(autouse=True)
def no_swallowed_failure(caplog):
    """Fail a test if a widget or an event loop caught an exception and only logged it."""
    yield
    swallowed = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.levelno >= logging.ERROR and "xception in" in record.getMessage()
    ]
    assert not swallowed, swallowed
