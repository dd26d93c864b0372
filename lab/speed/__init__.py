"""Benchmarks. One with a control alternates with it in the same run and states the median of the ratios."""
