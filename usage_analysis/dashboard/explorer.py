"""`Explorer`: the dashboard. Controls send queries, and figures show the answers."""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import tzinfo
from functools import lru_cache, partial
from html import escape
from typing import TYPE_CHECKING, Any, Final

import ipywidgets as widgets
from IPython.display import publish_display_data
from matplotlib.axes import Axes

from usage_analysis.dashboard.address import Address
from usage_analysis.dashboard.causes import explain_event
from usage_analysis.dashboard.choices import Choices
from usage_analysis.dashboard.controls import Controls, lay_out, parts_of
from usage_analysis.dashboard.dates import check_billing_day
from usage_analysis.dashboard.display import Display, Phase, StaticOutput, partly
from usage_analysis.dashboard.headlines import draw_with_headline
from usage_analysis.dashboard.names import Given, GivenValues, names_of
from usage_analysis.dashboard.overview import Overview
from usage_analysis.dashboard.queries import BackgroundQueries, Question
from usage_analysis.dashboard.settings import Settings
from usage_analysis.dashboard.views import CachedUsage, Download, View, make_download
from usage_analysis.errors import QueryError, UsageError
from usage_analysis.fetch.base import BaseClient
from usage_analysis.figures.axes import figure_of
from usage_analysis.figures.style import theme_in_use, title_of
from usage_analysis.query import UsageQuery
from usage_analysis.tidy.usage import CallUsage

#: Number of cached replies, so that going back to an earlier question asks nothing.
_CACHED: Final = 8


class Explorer(widgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """A dashboard over your calls: when they peak, how many fail, what they cost.

    The server is asked only when the query changes; everything else is drawn from cached replies.
    In a cell, setting a control's `value` returns when the new figure is there. Controls used on
    the page never block: a query shows its progress, and a newer query cancels an older one.

    Parameters
    ----------
    client
        Your `Client`; or `sample_client()` or `Archive.client()`, which have names.
    agents, voices
        IDs by name, or a CSV file with the columns ``name``, and ``id`` or ``value``.
    metadata
        Values by metadata key, or a CSV file with the columns ``key`` and ``value``.
    billing_day
        Day of the month on which your billing cycle begins.
    query
        Days and calls to begin with; the names of its agents and voice must be given.
    timezone, state
        Time zone, by default this machine's, and an earlier result of `state()` to continue from.

    Attributes
    ----------
    preset, first, last, timezone, hour_from, hour_to
        Days, time zone and hours of the day.
    agents, voice, metadata_key, metadata_value, duration_min, duration_max, search
        Filters of the calls.
    measure, granularity, comparison, group, groups, top, limit, price, tab, view
        The figure and its options. Setting the `value` of a control is like using the control.
    phase, error
        ``"ready"``, ``"partial"`` (some hours can still change), ``"empty"`` (no calls),
        ``"loading"``, ``"failed"`` (no answer, or a bug) or ``"refused"`` (a value does not fit);
        `error` is the reason for the last two.
    sentence, axes, table, python
        The headline, the drawn axes, their table, and the Python code of the figure.
    draws, fetches
        Number of figures shown, and number of queries to the server.

    Raises
    ------
    QueryError
        Names, the state or the query are invalid. Errors of the server are shown, not raised.

    Examples
    --------
    >>> import usage_analysis as ua
    >>> explorer = ua.Explorer(ua.sample_client(), timezone="America/New_York")
    >>> explorer.tab.value = "peaks"
    >>> explorer.phase, explorer.fetches, explorer.draws
    ('ready', 1, 2)
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Return a control; the names of the controls are the fields of `Settings`."""

    def __init__(
        self,
        client: BaseClient,
        *,
        agents: Given | None = None,
        voices: Given | None = None,
        metadata: GivenValues | None = None,
        billing_day: int = 1,
        query: UsageQuery | None = None,
        timezone: str | tzinfo | None = None,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self._client = client
        self._names = names_of(client, agents, voices, metadata)
        self._choices = Choices(self._names, client.today, check_billing_day(billing_day))
        self._settings = self._choices.start(query, timezone, state)
        self._lock = threading.RLock()
        self._suppressed = self._joining = self.draws = 0
        self._picking = False
        self._cache: list[CachedUsage] = []
        self._figure = lru_cache(16)(draw_with_headline)  # going back to a figure draws nothing
        self._keep(None, None)
        self.controls = Controls(self._names, self._settings)
        self.display = Display(client.answers)
        self._queries = BackgroundQueries(client, self._on_response, self.display.progressed)
        self.phase: Phase = "loading"
        self.error: BaseException | None = None
        self._static = StaticOutput()
        self.__dict__.update(self.controls.by_name)
        self.refresh, self.leave = self.controls.refresh, self.controls.leave
        self.headline, self.image = self.display.headline, self.display.image
        self.overview, self._address = Overview(), Address(self._choices, self._settings)
        told = self.display.by_name() | self._address.by_name() | {"overview": self.overview.strip}
        super().__init__(lay_out(self.controls, told), _dom_classes=["ua-explorer"])
        self._listen()
        self._update()

    def _listen(self) -> None:
        controls = self.controls
        for name, control in controls.by_name.items():
            control.observe(partial(self._on_change, name), names="value")
        for name, chooser in (("agents", controls.agents), ("groups", controls.groups)):
            chooser.find.observe(partial(self._on_search, name), names="value")
            chooser.all.on_click(lambda _, n=name, c=chooser: self._choose(n, c.list.options))
            chooser.none.on_click(partial(self._choose, name, ()))
        self.image.observe(lambda _: self._on_change("", None), names="narrow")
        self.image.on_msg(self._on_point)
        controls.largest.on_click(lambda _: self._choose_largest())
        controls.refresh.on_click(lambda _: self._ask_again())
        told = partial(explain_event, self._client, self._names, lambda: self._view, self.display)
        controls.explain.on_click(told)
        for kind, button in controls.leave.items():
            button.on_click(partial(self._leave, kind))

    def _on_change(self, name: str, _change: object) -> None:
        with self._lock, self._telling_faults():
            if self._suppressed:
                return
            try:
                self._settings = self._choices.change(name, self.controls.values(), self._settings)
            except QueryError as error:
                if not self._joining:
                    self._queries.stop()
                    self._refuse(error)
                if name:
                    self.controls.by_name[name].add_class("ua-invalid")
                return
            for control in self.controls.by_name.values():
                control.remove_class("ua-invalid")
            self._turn_to(self._settings)
            if not self._joining:
                self._update()

    def _on_search(self, name: str, _change: object) -> None:
        with self._suppressing():
            getattr(self.controls, name).search(getattr(self._settings, name))

    def _choose(self, name: str, chosen: Sequence[str], _button: object = None) -> None:
        with self.together():  # a search may have taken some of them from the list
            getattr(self.controls, name).search(tuple(chosen))
            self.controls.by_name[name].value = tuple(chosen)

    def _on_point(self, _image: object, content: Mapping[str, Any], _buffers: object) -> None:
        """Select the clicked part of the figure, or go back to the previous selection."""
        with self._lock, self._telling_faults():
            try:
                self._turn_to(
                    self._address.read(content["link"])
                    if "link" in content
                    else self._choices.point(content, self._settings)
                )
            except QueryError as error:
                self._refuse(error)
            else:
                self._update()
                self.image.send({"link": self.image.link})

    def _choose_largest(self) -> None:
        """Select the agents with the most calls; query the calls of each agent if necessary."""
        with self._lock:
            self._picking = True
            with self.together():
                self.controls.by_name["agents"].value = ()
                self.controls.by_name["group"].value = "agent"
            self._pick()

    def _pick(self) -> None:
        cached = self._view.cached if self._view is not None else None
        if not self._picking or self.phase == "loading" or cached is None:
            return
        self._picking = False
        if cached.question.by == "agent" and self.phase in ("ready", "partial"):
            self._choose("agents", cached.largest[: self.controls.how_many.value])

    def _leave(self, kind: str, _button: object = None) -> None:
        self.display.file.value = ""  # the page hears of the same file again
        try:
            self.display.file.value = self.file(kind).link()
        except UsageError as error:
            self.display.file.value = f'<span role="alert">{escape(str(error))}</span>'

    def _update(self) -> None:
        """Draw from a cached reply, or send a query."""
        self.image.link = self._address.write(self._settings)
        question = self._settings.question(self._names)
        cached = next((one for one in self._cache if one.question.covers(question)), None)
        if cached is not None:
            self._queries.stop()
            self._cache.append(self._cache.pop(self._cache.index(cached)))
            self._show(cached, fetched=False)
            return
        asked = self._queries.question
        if asked is None or not asked.covers(question):
            self._ask(question)

    def _ask(self, question: Question) -> None:
        self._enter("loading")
        self.display.loading(self._settings)
        self._queries.ask(question)

    def _ask_again(self) -> None:
        with self._lock, self._telling_faults():
            self._cache.clear()
            self._figure.cache_clear()
            self._turn_to(self._settings)
            self._ask(self._settings.question(self._names))

    def _turn_to(self, settings: Settings) -> None:
        """Set the controls to settings, with the days of today."""
        self._settings = self._choices.update_days(settings)
        with self._suppressing():
            self.controls.show(self._settings)

    def _on_response(self, question: Question, answer: CallUsage | BaseException) -> None:
        with self._lock, self._telling_faults():
            if isinstance(answer, UsageError):
                self._picking = False
                self._refuse(answer)
                return
            if isinstance(answer, BaseException):
                raise answer
            cached = CachedUsage(question, answer)
            self._cache = [*self._cache, cached][-_CACHED:]
            self._show(cached, fetched=True)
            self._pick()

    def _show(self, cached: CachedUsage, *, fetched: bool) -> None:
        """Draw the selected figure from a reply that contains its data."""
        try:
            look = (self.image.narrow, repr(theme_in_use()))
            view, axes, headline = self._figure(self._settings, cached, self._client.python, *look)
            if axes is None:
                self._enter("empty")
                self._keep(view, None)
                self.overview.clear()
                self.display.empty(view, fetched)
                self._static.keep(self.sentence)
                return
            self.overview.show(view)  # first: no old card stands beside new words
            self.display.shown(view, axes, headline, fetched)
        except QueryError as error:
            self._refuse(error)
            return
        self._keep(view, axes)
        self.image.state = json.dumps(self.state())
        self._enter("partial" if partly(view) else "ready")
        self._static.keep(self.sentence, axes)
        self.draws += 1

    def _keep(self, view: View | None, axes: Axes | None) -> None:
        self._view, self.axes = view, axes
        drawn = None if axes is None else view
        self.table = drawn.prepared.table if drawn else None
        self.python = drawn.python if drawn else ""

    @contextmanager
    def _telling_faults(self) -> Iterator[None]:
        """Show errors raised in the block, so that no figure looks current, and re-raise them."""
        try:
            yield
        except BaseException as error:
            self._queries.stop()
            self._picking = False
            self._enter("failed", error)
            self.display.faulty(error)
            raise

    def _enter(self, phase: Phase, error: BaseException | None = None) -> None:
        self.phase, self.error = phase, error
        self.controls.offer_files(phase in ("ready", "partial"))

    def _refuse(self, error: UsageError) -> None:
        refused = isinstance(error, QueryError)
        self._enter("refused" if refused else "failed", error)
        (self.display.refused if refused else self.display.failed)(str(error))

    @contextmanager
    def _suppressing(self) -> Iterator[None]:
        """Suppress change handlers inside this block."""
        self._suppressed += 1
        try:
            yield
        finally:
            self._suppressed -= 1

    def close(self) -> None:
        """Stop querying, and close every widget of the dashboard."""
        if self.comm is not None:  # one that was refused while it was made has no parts
            self._queries.stop()
            for widget in [*parts_of(self)]:
                widget.close()
        super().close()

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let several controls change within the block, and draw once when it ends or raises."""
        with self._lock:
            self._joining += 1
            try:
                yield
            finally:
                self._joining -= 1
                if not self._joining:
                    self._on_change("", None)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait [s] for a running query and return True if the figure is up to date."""
        return self._queries.wait(timeout)

    def state(self) -> dict[str, Any]:
        """Return the settings as plain JSON, without key or data."""
        return self._choices.state(self._settings)

    def file(self, kind: str) -> Download:
        """Name, media type and bytes of the figure, its table or a report.

        Parameters
        ----------
        kind
            ``"PNG"``, ``"SVG"``, ``"PDF"``, ``"CSV"``, ``"Parquet"`` or ``"Report"``.

        Raises
        ------
        QueryError
            There is no current figure, the kind is unknown, or pyarrow is not installed for
            Parquet.
        """
        if self._current is None or self._view is None:
            raise QueryError(f"{kind}: expected a current figure, got none; {self.phase}")
        return make_download(kind, self._view, self._current)

    @property
    def fetches(self) -> int:
        """Number of queries to the server."""
        return self._queries.asked

    @property
    def sentence(self) -> str:
        """The headline as plain text."""
        return self.display.sentence

    @property
    def _current(self) -> Axes | None:
        return self.axes if self.phase in ("ready", "partial") else None

    def __repr__(self) -> str:
        """Return the query and the displayed figure; tests of notebooks compare this text."""
        days, axes = self._settings.days, self._current
        what = title_of(figure_of(axes)) if axes is not None else self.phase
        if self.error is not None:
            what = f"{self.phase}: {' '.join(str(self.error).split())}"
        hours = len(self._view.selected.hourly) if self._view is not None else 0
        return (
            f"<Explorer {self._client.source}: {what} | {days.first} to {days.last} "
            f"({self._settings.timezone}) | {hours} hours, {self.phase} | fetch {self.fetches}, "
            f"draw {self.draws}>"
        )

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        return super()._repr_mimebundle_(**kwargs) | {"text/plain": repr(self)}

    def _ipython_display_(self) -> None:
        publish_display_data(self._repr_mimebundle_())
        self._static.show()
