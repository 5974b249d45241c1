"""Run the command line: ``python -m usage_analysis``."""

import sys

from usage_analysis.cli import main

if __name__ == "__main__":
    sys.exit(main())
