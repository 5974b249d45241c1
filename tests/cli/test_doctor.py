"""The command `doctor`, run as a user runs it."""

from usage_analysis.sample import KEY


def test_the_doctor_tells_what_it_found(run, tmp_path):
    """`doctor` says of each open point what was assumed, seen and follows; --save keeps replies."""
    done = run("doctor", "--days", "8", "--save", "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("assumed:") == done.stdout.count("follows:") == 12
    kept = list((tmp_path / "kept").iterdir())
    assert kept
    assert not any(KEY in path.read_text() for path in kept)
    refused = run("doctor", "--days", "1")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
