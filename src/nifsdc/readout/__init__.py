"""Arithmetic on pixels: functions and sums over arrays; no input, no output, nothing of the project."""
