"""Benchmark of changes of the trend of displacement series, on simulated series."""
