"""Explain the event that a figure shows, at one click."""

from collections.abc import Callable

from usage_analysis.analysis.explain import explain
from usage_analysis.analysis.statements.cause import describe_cause
from usage_analysis.dashboard.display import Display
from usage_analysis.dashboard.views import View
from usage_analysis.errors import UsageError
from usage_analysis.fetch.base import AccountNames, BaseClient


def explain_event(
    client: BaseClient,
    names: AccountNames,
    shown: Callable[[], View | None],
    display: Display,
    _button: object = None,
) -> None:
    """Fetch the groups behind the first event of a figure, and say which stands out.

    Parameters
    ----------
    client
        Client of the dashboard, which is asked for the hours of each group.
    names
        Names of the groups.
    shown
        Returns the view on show; without a figure of unusual hours nothing happens.
    display
        Display, which shows the progress and then the sentence.
    """
    view, bad = shown(), False
    if view is None or "found" not in view.prepared.names:
        return
    found = view.prepared.names["found"]
    if not len(found):
        words = "Nothing unusual is found here, so there is nothing to explain."
    elif narrowed := view.settings.selection.filters_in_words({}):
        words = f"Events are explained with all calls. Choose no {' and no '.join(narrowed)} first."
    else:
        kinds = ["agent", "voice", *(f"metadata.{key}" for key in names.metadata)]
        groups = {kind: named for kind in kinds if (named := names.of_kind(kind))}
        display.progress.layout.visibility = None
        try:
            told = display.progressed
            words = describe_cause(explain(client, found.iloc[0], groups=groups, progress=told))
        except UsageError as error:
            words, bad = str(error), True
    display.explained(words, bad=bad)
