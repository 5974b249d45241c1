"""What the command line serves until it is stopped: the dashboard, and the sample account."""

from __future__ import annotations

import argparse
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from usage_analysis.cli_filters import add_account, day

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def add_app(commands: Commands) -> None:
    """The command `app`."""
    app = commands.add_parser(
        "app",
        help="open the dashboard in a browser",
        description="Serve the dashboard on this machine, behind a token, until interrupted.",
    )
    source = app.add_mutually_exclusive_group()
    add_account(source)
    source.add_argument("--archive", type=Path, metavar="DIR", help="what sync kept instead")
    app.add_argument("--port", type=int, default=0, help="0 takes a free one")
    app.add_argument("--no-browser", action="store_true", help="only say the address")
    names = app.add_argument_group("names", "which the endpoint does not list, each in a CSV")
    names.add_argument("--agents", type=Path, metavar="FILE", help="columns name, and id or value")
    names.add_argument("--voices", type=Path, metavar="FILE", help="columns name, and id or value")
    names.add_argument("--metadata", type=Path, metavar="FILE", help="columns key and value")
    begin = app.add_argument_group("beginning", "what the page says first")
    begin.add_argument(
        "--timezone", metavar="ZONE", help="whose clock: America/New_York (this machine's)"
    )
    begin.add_argument(
        "--billing-day", type=int, default=1, metavar="DAY", help="the billing cycle's first (1)"
    )
    begin.add_argument("--price", metavar="USD", help="price per billed minute (0.05)")
    begin.add_argument("--limit", type=int, metavar="CALLS", help="that may be held at once (5)")
    app.set_defaults(run=_app)


def add_sample(commands: Commands) -> None:
    """The command `sample`."""
    sample = commands.add_parser("sample", help="the sample account").add_subparsers(
        required=True, metavar="WHAT"
    )
    serve = sample.add_parser(
        "serve",
        help="answer over HTTP on this machine",
        description="Serve the sample account on 127.0.0.1 until interrupted.",
    )
    serve.add_argument("--port", type=int, default=8765, help="0 takes a free one")
    serve.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="that each answer takes (0)"
    )
    serve.add_argument(
        "--rate-limit", type=float, metavar="REQUESTS", help="let in a second (no limit)"
    )
    serve.add_argument("--seed", type=int, default=0, metavar="NUMBER", help="other calls (0)")
    serve.add_argument(
        "--today", type=day, metavar="DAY", help="that its clock stands still on (2026-04-01)"
    )
    serve.add_argument(
        "--all-time-filtered", action="store_true", help="let allTime follow the filters"
    )
    serve.set_defaults(run=_serve)


def _app(options: argparse.Namespace) -> None:
    # Only the app needs widgets.
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


def _serve(options: argparse.Namespace) -> None:
    # Only serving needs the server.
    from usage_analysis.sample import KEY, TODAY
    from usage_analysis.sample.serve import PATH, serve

    def say(address: str) -> None:
        last = (options.today or TODAY) - timedelta(days=1)
        print(f"Sample account: {address} (Ctrl+C stops)")
        print(f"curl -H 'X-API-Key: {KEY}' '{address}{PATH}?fromDate={last}'", flush=True)

    serve(
        options.port,
        latency=options.latency,
        rate_limit=options.rate_limit,
        seed=options.seed,
        today=options.today,
        all_time_filtered=options.all_time_filtered,
        started=say,
    )
