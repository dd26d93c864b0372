"""Readers of files that visitors and operators upload. The service runs them in a confined process only."""
