"""Statements: each statistic in words, once, for titles, summaries, headlines and `describe_*`."""
