"""The command `doctor`: check on an account the points that the vendor leaves open."""

import argparse
from collections import Counter
from dataclasses import asdict

from usage_analysis.cli.options import MESSAGES, Outcome, open_client
from usage_analysis.cli.progress import progress_bar


def run(options: argparse.Namespace) -> Outcome:
    """Check an account and return the findings."""
    # Imported here so that --help does not load httpx.
    from usage_analysis import doctor

    if options.list:
        listed = [f"{topic}: {text}" for topic, text in doctor.ASSUMPTIONS.items()]
        return Outcome("\n".join(listed), {"assumptions": doctor.ASSUMPTIONS})
    with open_client(options) as client:
        bar = progress_bar("doctor", options)
        findings = doctor.run(client, days=options.days, folder=options.save, progress=bar)
    number = Counter(finding.holds for finding in findings)
    count = MESSAGES["checked"].format(
        len(findings), *(number[each] for each in (True, False, None))
    )
    text = "\n\n".join(map(str, findings)) + f"\n{count}"
    return Outcome(text, {"findings": list(map(asdict, findings))})
