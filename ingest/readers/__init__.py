"""Readers of given files: one module for each format, registered in `ingest.formats`."""
