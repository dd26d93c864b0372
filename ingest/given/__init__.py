"""Readers of files that visitors and operators upload. They run in a confined process only (ingest.jobs.given)."""
