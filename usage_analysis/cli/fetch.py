"""The command `fetch`: save a reply of the endpoint, or its table."""

import argparse

import usage_analysis.cli.options as cli
from usage_analysis.cli.groups import fetch_groups, groups_of
from usage_analysis.cli.progress import progress_bar
from usage_analysis.errors import refusal
from usage_analysis.tidy.periods import between_days, in_timezone
from usage_analysis.tidy.table_files import WRITERS
from usage_analysis.tidy.usage_files import encode, replace_file, target_of


def run(options: argparse.Namespace) -> cli.Outcome:
    """Fetch a reply, save it and print its path."""
    options.timezone = options.timezone or options.clock or "UTC"
    printed, ending = options.out == cli.STANDARD, options.out.suffix.lower()
    # A path that cannot be written is refused before anything is fetched.
    if ending not in ("", ".json", *WRITERS) or (printed and options.json):
        raise refusal("fetch_out", path=str(options.out))
    target = None if printed else target_of(options.out)
    with cli.open_client(options) as client:
        groups = groups_of(options, client, options.by)
        first, last, query = cli.query_of(options, client)
        usage = fetch_groups(groups, client, query, progress_bar("fetch", options))
        cli.warn_of_no_calls(usage, client.names)
    content = encode(usage)
    if ending in WRITERS:
        local = between_days(in_timezone(usage.hourly, options.timezone), first, last)
        content = WRITERS[ending](local)
    if target is None:
        return cli.Outcome(content)
    replace_file(target, content)
    calls = int(usage.daily["total_count"].sum())
    found = {"path": str(target), "source": usage.source, "calls": calls}
    text = f"Reply of {cli.OWNERS[usage.source]}: {target}"
    return cli.Outcome("" if options.quiet else text, found)
