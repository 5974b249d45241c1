"""The command `app`: serve the dashboard."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from usage_analysis.cli.options import add_account

if TYPE_CHECKING:
    from usage_analysis.cli.options import Commands


def add_parser(commands: Commands) -> None:
    """Add the command `app`."""
    app = commands.add_parser(
        "app",
        help="open the dashboard in a browser",
        description="Serve the dashboard on this machine until you press Ctrl+C. Only browsers "
        "with the token in its address are let in.",
    )
    source = app.add_mutually_exclusive_group()
    add_account(source)
    source.add_argument(
        "--archive", type=Path, metavar="DIR", help="read an archive instead of fetching"
    )
    app.add_argument("--port", type=int, default=0, help="port (default: a free one)")
    app.add_argument(
        "--no-browser", action="store_true", help="print the address but open no browser"
    )
    names = app.add_argument_group(
        "names", "CSV files that name what the endpoint does not list, for its menus"
    )
    names.add_argument("--agents", type=Path, metavar="FILE", help="columns: name, and id or value")
    names.add_argument("--voices", type=Path, metavar="FILE", help="columns: name, and id or value")
    names.add_argument("--metadata", type=Path, metavar="FILE", help="columns: key and value")
    start = app.add_argument_group("initial settings", "each can be changed on the page")
    start.add_argument(
        "--timezone",
        metavar="ZONE",
        help="time zone, as America/New_York (default: this machine's)",
    )
    start.add_argument(
        "--billing-day",
        type=int,
        default=1,
        metavar="DAY",
        help="day of the month on which the billing cycle starts (default: 1)",
    )
    start.add_argument("--price", metavar="USD", help="price per billed minute (default: 0.05)")
    start.add_argument(
        "--limit", type=int, metavar="CALLS", help="maximum number of concurrent calls (default: 5)"
    )
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
