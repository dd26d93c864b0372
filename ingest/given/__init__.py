"""Readers of what visitors and operators give on a page. They run in a confined process only (ingest.jobs.given)."""
