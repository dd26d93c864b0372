"""Readers of series of GNSS stations and levelling benchmarks, one module per format. They do not use Django."""
