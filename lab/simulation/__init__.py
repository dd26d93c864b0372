"""Simulated scenes for training and benchmarks, and the files of `python -m ml simulate`."""
