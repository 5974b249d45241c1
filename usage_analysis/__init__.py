"""How your Ultravox voice agents' calls go: tidy frames, peak hours, error rates, reports.

>>> import usage_analysis as ua
>>> usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-31")
>>> hourly = ua.in_timezone(usage.hourly, "America/New_York")
>>> busiest = ua.busy_hour(hourly)
>>> rate = ua.error_rate(hourly, by="total")
"""

from importlib import import_module
from typing import TYPE_CHECKING

_HOMES = {
    "analysis.billing": "billing_overhead cost",
    "analysis.busiest": "describe_peak",
    "analysis.capacity": "capacity describe_capacity",
    "analysis.comparison": "compare_periods",
    "analysis.control": "burn_rate control_chart",
    "analysis.difference": "rate_difference rate_effects",
    "analysis.erlang": "channels_for erlang_b traffic_for",
    "analysis.funnel": "funnel",
    "analysis.peaks": "busy_hour peak_hours",
    "analysis.profiles": "load_profile traffic_intensity",
    "analysis.quality": "reconcile",
    "analysis.rates": "average_call_duration describe_errors error_rate join_rate",
    "analysis.trends": "describe_month project_month",
    "archive.archive": "Archive",
    "dashboard.explorer": "Explorer",
    "errors": "APIError ArchiveError AuthenticationError QueryError RateLimitError ResponseError"
    " TransportError UsageError",
    "fetch.asynchronous": "AsyncClient",
    "fetch.client": "Client",
    "figures.compare": "plot_comparison",
    "figures.day": "plot_day",
    "figures.effects": "plot_effects",
    "figures.funnel": "plot_funnel",
    "figures.groups": "plot_groups plot_pareto",
    "figures.heat": "plot_calendar plot_error_week plot_week",
    "figures.load": "plot_capacity plot_load_duration",
    "figures.marks": "Mark",
    "figures.money": "plot_billing plot_burn_up",
    "figures.provenance": "Provenance",
    "figures.rates": "plot_control plot_error_rate",
    "report.page": "build_report",
    "figures.style": "Theme figure_style save_figure",
    "figures.trend": "plot_trend",
    "query": "UsageQuery",
    "sample": "sample_client",
    "tidy.durations": "parse_duration parse_durations",
    "tidy.usage": "CallUsage",
    "tidy.periods": "aggregate between_days in_timezone",
    "tidy.rolling": "rolling",
    "tidy.engines": "sum_usage",
}
_HOME = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(_HOME)  # noqa: PLE0605  # a list, derived

if TYPE_CHECKING:
    from usage_analysis.analysis.billing import billing_overhead as billing_overhead
    from usage_analysis.analysis.billing import cost as cost
    from usage_analysis.analysis.busiest import describe_peak as describe_peak
    from usage_analysis.analysis.capacity import capacity as capacity
    from usage_analysis.analysis.capacity import describe_capacity as describe_capacity
    from usage_analysis.analysis.comparison import compare_periods as compare_periods
    from usage_analysis.analysis.control import burn_rate as burn_rate
    from usage_analysis.analysis.control import control_chart as control_chart
    from usage_analysis.analysis.difference import rate_difference as rate_difference
    from usage_analysis.analysis.difference import rate_effects as rate_effects
    from usage_analysis.analysis.erlang import channels_for as channels_for
    from usage_analysis.analysis.erlang import erlang_b as erlang_b
    from usage_analysis.analysis.erlang import traffic_for as traffic_for
    from usage_analysis.analysis.funnel import funnel as funnel
    from usage_analysis.analysis.peaks import busy_hour as busy_hour
    from usage_analysis.analysis.peaks import peak_hours as peak_hours
    from usage_analysis.analysis.profiles import load_profile as load_profile
    from usage_analysis.analysis.profiles import traffic_intensity as traffic_intensity
    from usage_analysis.analysis.quality import reconcile as reconcile
    from usage_analysis.analysis.rates import average_call_duration as average_call_duration
    from usage_analysis.analysis.rates import describe_errors as describe_errors
    from usage_analysis.analysis.rates import error_rate as error_rate
    from usage_analysis.analysis.rates import join_rate as join_rate
    from usage_analysis.analysis.trends import describe_month as describe_month
    from usage_analysis.analysis.trends import project_month as project_month
    from usage_analysis.archive.archive import Archive as Archive
    from usage_analysis.dashboard.explorer import Explorer as Explorer
    from usage_analysis.errors import APIError as APIError
    from usage_analysis.errors import ArchiveError as ArchiveError
    from usage_analysis.errors import AuthenticationError as AuthenticationError
    from usage_analysis.errors import QueryError as QueryError
    from usage_analysis.errors import RateLimitError as RateLimitError
    from usage_analysis.errors import ResponseError as ResponseError
    from usage_analysis.errors import TransportError as TransportError
    from usage_analysis.errors import UsageError as UsageError
    from usage_analysis.fetch.asynchronous import AsyncClient as AsyncClient
    from usage_analysis.fetch.client import Client as Client
    from usage_analysis.figures.compare import plot_comparison as plot_comparison
    from usage_analysis.figures.day import plot_day as plot_day
    from usage_analysis.figures.effects import plot_effects as plot_effects
    from usage_analysis.figures.funnel import plot_funnel as plot_funnel
    from usage_analysis.figures.groups import plot_groups as plot_groups
    from usage_analysis.figures.groups import plot_pareto as plot_pareto
    from usage_analysis.figures.heat import plot_calendar as plot_calendar
    from usage_analysis.figures.heat import plot_error_week as plot_error_week
    from usage_analysis.figures.heat import plot_week as plot_week
    from usage_analysis.figures.load import plot_capacity as plot_capacity
    from usage_analysis.figures.load import plot_load_duration as plot_load_duration
    from usage_analysis.figures.marks import Mark as Mark
    from usage_analysis.figures.money import plot_billing as plot_billing
    from usage_analysis.figures.money import plot_burn_up as plot_burn_up
    from usage_analysis.figures.provenance import Provenance as Provenance
    from usage_analysis.figures.rates import plot_control as plot_control
    from usage_analysis.figures.rates import plot_error_rate as plot_error_rate
    from usage_analysis.figures.style import Theme as Theme
    from usage_analysis.figures.style import figure_style as figure_style
    from usage_analysis.figures.style import save_figure as save_figure
    from usage_analysis.figures.trend import plot_trend as plot_trend
    from usage_analysis.query import UsageQuery as UsageQuery
    from usage_analysis.report.page import build_report as build_report
    from usage_analysis.sample import sample_client as sample_client
    from usage_analysis.tidy.durations import parse_duration as parse_duration
    from usage_analysis.tidy.durations import parse_durations as parse_durations
    from usage_analysis.tidy.engines import sum_usage as sum_usage
    from usage_analysis.tidy.periods import aggregate as aggregate
    from usage_analysis.tidy.periods import between_days as between_days
    from usage_analysis.tidy.periods import in_timezone as in_timezone
    from usage_analysis.tidy.rolling import rolling as rolling
    from usage_analysis.tidy.usage import CallUsage as CallUsage


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # costs more than the whole import

        return version("usage-analysis")
    if name == "sample":
        return import_module(f"{__name__}.sample")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__", "sample"]
