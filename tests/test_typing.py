"""Filters and options by name: type checkers know them, and refuse a misspelt one."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import usage_analysis as ua

ROOT = Path(__file__).resolve().parents[1]

CALLS = """
import usage_analysis as ua

client = ua.sample_client()
month: ua.Filters = {{"from_date": "2026-03-01", "to_date": "2026-03-31"}}
client.call_usage({name}="2026-03-01")
client.call_usage(**month)
client.breakdown({{"a": {{"search": "a"}}}}, include_rest=False, {name}="2026-03-01")
client.by_agent({{"a": "b"}}, name="who", include_rest=True, {name}="2026-03-01")
client.by_voice({{"a": "b"}}, {name}="2026-03-01")
client.by_metadata("tenant", ["a"], {name}="2026-03-01")
ua.UsageQuery.from_filters({{"{name}": "2026-03-01"}})


async def ask(client: ua.AsyncClient) -> None:
    await client.call_usage({name}="2026-03-01")
    await client.by_agent(["a"], {name}="2026-03-01")


ua.Archive("calls").sync(client, "all", since="2026-03-01", {other}="refund")
ua.Archive("calls").client().call_usage({name}="2026-03-01")
"""


def mypy(folder: Path, code: str) -> list[str]:
    """Complaints of mypy in strict mode about a script."""
    # A new file each time: mypy takes one of the same size and second for unchanged.
    script = folder / f"script_{sum(1 for _ in folder.iterdir())}.py"
    script.write_text(code, encoding="utf-8")
    # With the project's settings, and from its folder, the project's warm cache serves here too.
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if ": error: " in line]


def test_filters_are_the_fields_of_a_query() -> None:
    """The typed names of filters are the fields of `UsageQuery`, and `timezone`."""
    names = {field.name for field in fields(ua.UsageQuery)}
    assert set(ua.Filters.__annotations__) == names | {"timezone"}


@pytest.mark.slow
def test_a_misspelt_filter_is_refused(tmp_path: Path) -> None:
    """Mypy in strict mode accepts every call with filters, and refuses each with a misspelt one."""
    assert mypy(tmp_path, CALLS.format(name="from_date", other="search")) == []
    complaints = mypy(tmp_path, CALLS.format(name="form_date", other="serach"))
    assert len(complaints) == 10
    assert all(re.search(r"form_date|serach", line) for line in complaints), complaints


PLOTS = """
import pandas as pd

import usage_analysis as ua


def draw(table: pd.DataFrame, marks: list[ua.Mark]) -> None:
    ua.plot_trend(table, measure="duration", {title}="Talk", {marks}=marks)
    ua.plot_control(table, {title}="Errors", meaning=table.attrs["meaning"], {marks}=marks)
    ax = ua.plot_week(table, {title}="Load").get_figure()
    ua.plot_comparison(table.iloc[0], {title}="Change", ax=None)
"""


@pytest.mark.slow
def test_a_misspelt_keyword_of_a_plot_is_refused(tmp_path: Path) -> None:
    """Mypy in strict mode knows the keywords that plots share, and refuses a misspelt one."""
    assert mypy(tmp_path, PLOTS.format(title="title", marks="marks")) == []
    complaints = mypy(tmp_path, PLOTS.format(title="titel", marks="mark"))
    assert len(complaints) == 6
    assert all(re.search(r"titel|mark", line) for line in complaints), complaints
    (unmarked,) = mypy(tmp_path, f"{PLOTS.format(title='title', marks='marks')}    "
                       "ua.plot_week(table, marks=marks)\n")  # fmt: skip
    assert 'Unexpected keyword argument "marks" for "plot_week"' in unmarked


@pytest.mark.slow
def test_code_of_the_readme_is_typed(tmp_path: Path) -> None:
    """README's Python, one block after the other, passes mypy in strict mode."""
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert blocks
    assert mypy(tmp_path, "\n".join(blocks)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["busiest_hour", "sample.AGENT"])
def test_a_misspelt_name_is_refused(tmp_path: Path, name: str) -> None:
    """Mypy in strict mode refuses a name that the package or its sample account does not have."""
    (complaint,) = mypy(tmp_path, f"import usage_analysis as ua\n\nua.{name}\n")
    assert "has no attribute" in complaint
