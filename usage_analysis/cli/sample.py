"""The command `sample`: serve the sample account over HTTP."""

import argparse
from datetime import timedelta


def run(options: argparse.Namespace) -> None:
    """Serve the sample account until interrupted."""
    # Imported here so that --help does not load httpx.
    from usage_analysis.sample import KEY, TODAY
    from usage_analysis.sample.serve import PATH, serve

    def announce(address: str) -> None:
        last = (options.today or TODAY) - timedelta(days=1)
        print(f"Sample account: {address} (Ctrl+C stops)")
        print(f"curl -H 'X-API-Key: {KEY}' '{address}{PATH}?fromDate={last}'", flush=True)

    serve(on_start=announce, **vars(options))
