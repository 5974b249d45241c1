"""The command `app`: serve the dashboard."""

from __future__ import annotations

import argparse
from pathlib import Path

from usage_analysis.cli.options import Commands, add_account, add_option


def add_parser(commands: Commands) -> None:
    """Add the command `app`."""
    app = commands.add_parser(
        "app",
        help="open the dashboard in a browser",
        description="Serve the dashboard on this machine until you press Ctrl+C. Only a "
        "browser that opens the printed address, which has a token, gets access.",
    )
    source = app.add_mutually_exclusive_group()
    add_account(source)
    add_option(source, "--archive", "read an archive instead of fetching", "DIR", type=Path)
    add_option(app, "--port", "port (default: a free one)", type=int, default=0)
    add_option(app, "--no-browser", "print the address but open no browser", action="store_true")
    names = app.add_argument_group(
        "names", "CSV files of names for the menus, because the endpoint lists none"
    )
    add_option(names, "--agents", "columns: name, and id or value", "FILE", type=Path)
    add_option(names, "--voices", "columns: name, and id or value", "FILE", type=Path)
    add_option(names, "--metadata", "columns: key and value", "FILE", type=Path)
    start = app.add_argument_group("initial settings", "each can be changed on the page")
    zone = "time zone, such as America/New_York (default: this machine's)"
    add_option(start, "--timezone", zone, "ZONE")
    cycle = "day of the month on which the billing cycle starts"
    add_option(start, "--billing-day", cycle, "DAY", type=int, default=1)
    add_option(start, "--price", "price per billed minute (default: 0.05)", "USD")
    limit = "maximum number of concurrent calls (default: 5)"
    add_option(start, "--limit", limit, "CALLS", type=int)
    app.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve the dashboard until interrupted."""
    # Imported here so that no other command loads ipywidgets.
    from usage_analysis.dashboard.app import serve

    state = {name: getattr(options, name) for name in ("price", "limit")}
    serve(
        options.account,
        archive=options.archive,
        port=options.port,
        open_browser=not options.no_browser,
        told=lambda address: print(address, flush=True),
        agents=options.agents,
        voices=options.voices,
        metadata=options.metadata,
        timezone=options.timezone,
        billing_day=options.billing_day,
        state={name: value for name, value in state.items() if value is not None},
    )
