"""Readers of submitted files, one module for each format, registered in `ingest.formats.registry`."""
