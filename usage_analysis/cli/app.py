"""The command `app`: serve the dashboard."""

import argparse

from usage_analysis.cli.options import log_of


def run(options: argparse.Namespace) -> None:
    """Serve the dashboard until interrupted."""
    # Imported here so that no other command loads ipywidgets.
    from usage_analysis.dashboard.app import serve

    log, given = log_of(options), vars(options)
    given["account"] = log or given["account"]
    state = {name: given.pop(name) for name in ("price", "limit")}
    serve(
        told=lambda address: print(address, flush=True),
        state={name: value for name, value in state.items() if value is not None},
        **given,
    )
