"""Stations and benchmarks: loading of their files, and choice of those near a product."""
