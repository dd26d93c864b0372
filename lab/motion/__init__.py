"""Benchmark of detecting changes of trend, on simulated displacement series."""
