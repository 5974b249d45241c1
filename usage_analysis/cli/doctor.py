"""The command `doctor`: check on an account the points that the vendor leaves open."""

import argparse

from usage_analysis.cli.options import MESSAGES, open_client
from usage_analysis.cli.progress import progress_bar


def run(options: argparse.Namespace) -> None:
    """Check an account and print the findings."""
    # Imported here so that --help does not load httpx.
    from usage_analysis import doctor

    if options.list:
        print("\n".join(f"{topic}: {text}" for topic, text in doctor.ASSUMPTIONS.items()))
        return
    with open_client(options) as client:
        findings = doctor.run(
            client, days=options.days, folder=options.save, progress=progress_bar("doctor")
        )
    print("\n\n".join(str(finding) for finding in findings))
    held, failed, open_ = (
        sum(finding.holds is verdict for finding in findings) for verdict in (True, False, None)
    )
    print(MESSAGES["checked"].format(len(findings), held, failed, open_))
