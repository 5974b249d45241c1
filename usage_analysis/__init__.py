"""Analyse how many calls your Ultravox voice agents take: when, how long, with which errors.

>>> import usage_analysis as ua
>>> usage = ua.sample_client().call_usage(from_date="2026-03-01", to_date="2026-03-31")
>>> hourly = ua.in_timezone(usage.hourly, "America/New_York")
>>> busiest = ua.busy_hour(hourly)
>>> rate = ua.error_rate(hourly, by="total")
>>> axes = ua.plot_trend(hourly)
"""

import lazy_loader

#: The one place of the version; the build reads it here.
__version__ = "0.1.0"

# The stub beside this file lists the public names. Each loads its module at first use, so that
# `import usage_analysis` itself loads neither pandas nor Matplotlib.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
