"""The figures' former home, kept for who imports from here."""

from usage_analysis.figures.axes import UNITS as UNITS
from usage_analysis.figures.axes import figure_of as figure_of
from usage_analysis.figures.heat import plot_week as plot_week
from usage_analysis.figures.rates import plot_error_rate as plot_error_rate
from usage_analysis.figures.trend import plot_trend as plot_trend
