"""Analyse how many calls your Ultravox voice agents take: when, how long, with which errors.

>>> import usage_analysis as ua
>>> usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-31")
>>> hourly = ua.in_timezone(usage.hourly, "America/New_York")
>>> busiest = ua.busy_hour(hourly)
>>> rate = ua.error_rate(hourly, by="total")
>>> axes = ua.plot_trend(hourly)
"""

import lazy_loader

# The stub beside this file lists the public names. Each loads its module at first use, so that
# `import usage_analysis` itself loads neither pandas nor Matplotlib.
_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name != "__version__":
        return _load(name)
    # Imported here because it takes longer than everything else in this file.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("usage-analysis")
    except PackageNotFoundError:  # a copy of the folder that was never installed
        return "unknown"
