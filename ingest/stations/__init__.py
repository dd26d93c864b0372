"""Stations and benchmarks: loading of their files."""
