"""The command `doctor`, run as a user runs it."""

from usage_analysis.sample import KEY


def test_the_doctor_tells_what_it_found(run, tmp_path):
    """Each finding has assumption, observation and consequence; --save saves replies."""
    done = run("doctor", "--days", "8", "--save", "kept")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("assumed:") == done.stdout.count("follows:") == 12
    kept = list((tmp_path / "kept").iterdir())
    assert kept
    assert not any(KEY in path.read_text() for path in kept)
    refused = run("doctor", "--days", "1")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)


def test_the_assumptions_are_listed_without_a_request(run):
    """`doctor --list` names each assumption that `doctor` checks, also of a live account."""
    listed = run("doctor", "--list", "--account", "live")
    assert (listed.returncode, listed.stderr) == (0, "")
    done = run("doctor", "--days", "8")
    for line in listed.stdout.splitlines():
        topic, _, assumed = line.partition(": ")
        assert f"  assumed: {assumed}\n" in done.stdout
        assert f"\n{topic} (" in f"\n{done.stdout}"
    assert done.stdout.splitlines()[-1].startswith(f"{len(listed.stdout.splitlines())} assumptions")
