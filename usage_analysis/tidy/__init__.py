"""A reply becomes frames."""
