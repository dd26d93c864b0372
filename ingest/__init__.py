"""Readers of published formats, and the tables that their data are loaded into. Imports no package above it."""
