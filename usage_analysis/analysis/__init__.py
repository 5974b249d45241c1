"""Frames become numbers: pure functions, no input or output, no state."""
