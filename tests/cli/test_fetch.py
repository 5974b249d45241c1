"""The command `fetch`, run as a user runs it."""

import usage_analysis as ua


def test_fetch_looks_at_the_place_first(run, tmp_path):
    """A path that cannot be written is refused before the key is read or anything is fetched."""
    for name in ("missing/reply.json", "."):
        done = run("fetch", "--account", "live", "--out", name)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("usage-analysis: path: expected a file in an existing")
    assert list(tmp_path.iterdir()) == []


def test_a_reply_is_kept_and_reported_later(run, tmp_path):
    """`fetch` saves the reply with its filters, and `report --reply` reads the file."""
    asked = ["--from", "2026-03-01", "--to", "2026-03-02", "--metadata", "channel=web"]
    done = run("fetch", *asked, "--duration-min", "30", "--out", "kept.json")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Reply of the sample account: {tmp_path / 'kept.json'}\n"
    usage = ua.CallUsage.load(tmp_path / "kept.json")
    assert (usage.source, usage.query.metadata) == ("sample", {"channel": "web"})
    assert "API" not in (tmp_path / "kept.json").read_text()
    done = run("report", "--reply", "kept.json", "--out", "here", "--sections", "checks")
    assert done.returncode == 0, done.stderr
    assert "duration min 30s" in (tmp_path / "here" / "report.html").read_text(encoding="utf-8")
    refused = run("report", "--reply", "kept.json", "--search", "x")
    assert refused.returncode == 2
    assert "--search" in refused.stderr
