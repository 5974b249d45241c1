"""Thousands of groups stream into an archive in little memory. Covers the buffer of syncing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")

FEW, MANY = 200, 2_000
GROWS = 25  # MB that ten times the groups may take more: their names, filters and days
BATCH = 160  # MB that compaction may take besides: one batch of 200,000 rows, read and sorted
ROOT = Path(__file__).resolve().parents[2]
CHILD = """
import json, sys
import httpx
import usage_analysis as ua
from tests.archive.account import KEY, Account
from usage_analysis.archive import syncing

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

account = Account("2026-03-01T00:30:00+00:00")
for day in range(59):
    for hour in range(24):
        account.put(f"2026-{day // 31 + 1:02}-{day % 31 + 1:02}T{hour:02}", calls=3, seconds=61.5)
window = {"fromDate": "2026-01-01T00:00:00Z", "toDate": "2026-02-28T23:59:59Z"}
answer = account.answer(httpx.QueryParams(window))

class Transport(httpx.BaseTransport):
    clock = staticmethod(lambda: account.now)

    def handle_request(self, request):
        return httpx.Response(200, content=answer.content, headers={"Date": answer.headers["Date"]})

how, groups, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
client = ua.Client(KEY, transport=Transport())
asked = {f"tenant {number}": {"metadata": {"tenant": str(number)}} for number in range(groups)}
if how == "kept":
    archive = ua.Archive(folder)
    syncing._MOST_PARTS = groups  # compaction is measured on its own
    done = archive.sync_groups(client, asked, name="tenant", since="2026-01-01")
    assert done == (groups, 60 * groups, 0), done
    streamed = peak()
    assert archive.compact() == 3
else:
    usage = client.breakdown(asked, name="tenant", from_date="2026-01-01", to_date="2026-02-28")
    assert len(usage.hourly) == groups * 59 * 24
    streamed = peak()
print(json.dumps([streamed, peak()]))
"""


def peaks(how: str, groups: int, folder: Path) -> list[float]:
    """Peak memory [MB] of a process that asks for two months of so many groups, and compacts."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, how, str(groups), str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_groups(tmp_path):
    """Ten times the groups take the same memory: answers are on the disk, and compacted in batches.

    A breakdown, which holds its answers, shows what would be seen otherwise.
    """
    few, many = (peaks("kept", groups, tmp_path / str(groups)) for groups in (FEW, MANY))
    held, _ = peaks("held", MANY, tmp_path)
    measured = f"{few} MB, {many} MB, held {held} MB"
    assert many[0] < few[0] + GROWS, measured
    assert many[1] < few[0] + GROWS + BATCH, measured
    assert held > few[0] + 2 * (GROWS + BATCH), measured
