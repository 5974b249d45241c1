"""Progress of long work: a function of the caller, or a bar of tqdm."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

#: Function that is called with the number of finished steps and their total, first with none.
Progress = Callable[[int, int], None]
#: What callers may give: a function, True for a bar, or nothing.
ProgressOption = Progress | bool | None


class ProgressBar:
    """Progress bar on standard error or in a notebook; it disappears after the last step.

    Parameters
    ----------
    label
        Word in front of the bar.
    """

    def __init__(self, label: str) -> None:
        self._label, self._bar = label, None

    def __call__(self, done: int, total: int) -> None:
        """Draw the number of finished steps."""
        if self._bar is None:
            # Imported here because most calls draw no bar, and tqdm takes time to load.
            from tqdm.auto import tqdm

            # Standard output is for results: nbval compares it, and shells pipe it.
            self._bar = tqdm(total=total, desc=self._label, file=sys.stderr, leave=False)
        bar: Any = self._bar
        bar.update(done - bar.n)
        if done >= total:
            self.close()

    def close(self) -> None:
        """Remove the bar, even if the work is not done."""
        if self._bar is not None:
            self._bar.close()


@contextmanager
def report_progress(progress: ProgressOption, label: str = "Fetching") -> Generator[Progress]:
    """Yield the function to call after each step; a bar of ours is removed at the end."""
    if progress is True:
        bar = ProgressBar(label)
        try:
            yield bar
        finally:
            bar.close()
    else:
        yield progress or (lambda _done, _total: None)
