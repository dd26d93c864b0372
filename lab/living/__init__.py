"""Benchmarks of living series."""
