"""The command `app`: serve the dashboard."""

import argparse


def run(options: argparse.Namespace) -> None:
    """Serve the dashboard until interrupted."""
    # Imported here so that no other command loads ipywidgets.
    from usage_analysis.dashboard.app import serve

    given = vars(options)
    state = {name: given.pop(name) for name in ("price", "limit")}
    serve(
        told=lambda address: print(address, flush=True),
        state={name: value for name, value in state.items() if value is not None},
        **given,
    )
