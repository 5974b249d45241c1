"""The command `doctor`: check on an account what the vendor's description leaves open."""

from __future__ import annotations

import argparse
from pathlib import Path

from usage_analysis.cli.options import Commands, add_account, add_option, open_client
from usage_analysis.cli.progress import progress_bar


def add_parser(commands: Commands) -> None:
    """Add the command `doctor`."""
    doctor = commands.add_parser(
        "doctor",
        help="check this package's assumptions on an account",
        description="Check this package's assumptions about the endpoint on an account. Print the "
        "observation for each assumption, and its consequence for your numbers.",
    )
    add_account(doctor)
    days = "number of days before today to look at, 8 to 91"
    add_option(doctor, "--days", days, "NUMBER", type=int, default=30)
    save = "save the replies in a folder, without the key and without IDs"
    add_option(doctor, "--save", save, "DIR", type=Path)
    only = "only print the assumptions, without asking the account"
    add_option(doctor, "--list", only, action="store_true")
    doctor.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Check an account and print the findings."""
    # Imported here so that --help does not load httpx.
    from usage_analysis import doctor

    if options.list:
        print("\n".join(f"{topic}: {text}" for topic, text in doctor.ASSUMPTIONS.items()))
        return
    with open_client(options.account) as client:
        findings = doctor.run(
            client, days=options.days, folder=options.save, progress=progress_bar("doctor")
        )
    print("\n\n".join(str(finding) for finding in findings))
    held, failed, open_ = (
        sum(finding.holds is verdict for finding in findings) for verdict in (True, False, None)
    )
    print(
        f"\n{len(findings)} assumptions checked: {held} hold, {failed} do not hold, "
        f"{open_} cannot be tested with these calls"
    )
