"""The command `sample`: serve the sample account over HTTP."""

from __future__ import annotations

import argparse
from datetime import timedelta

from usage_analysis.cli.options import Commands, add_option, parse_day


def add_parser(commands: Commands) -> None:
    """Add the command `sample`."""
    sample = commands.add_parser("sample", help="serve the sample account").add_subparsers(
        required=True, metavar="ACTION"
    )
    serve = sample.add_parser(
        "serve",
        help="serve the sample account over HTTP",
        description="Serve the sample account on 127.0.0.1 until you press Ctrl+C.",
    )
    add_option(serve, "--port", "port; 0 takes a free one", type=int, default=8765)
    add_option(serve, "--latency", "delay of each response", "SECONDS", type=float, default=0)
    limit = "maximum number of requests per second (default: no limit)"
    add_option(serve, "--rate-limit", limit, "REQUESTS", type=float)
    add_option(serve, "--seed", "seed of the simulated calls", "NUMBER", type=int, default=0)
    add_option(
        serve, "--today", "today of the account (default: 2026-04-01)", "DAY", type=parse_day
    )
    add_option(
        serve, "--all-time-filtered", "apply filters to all-time totals too", action="store_true"
    )
    serve.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Serve the sample account until interrupted."""
    # Imported here so that --help does not load httpx.
    from usage_analysis.sample import KEY, TODAY
    from usage_analysis.sample.serve import PATH, serve

    def announce(address: str) -> None:
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
        on_start=announce,
    )
