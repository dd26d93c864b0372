"""Readers for published formats, and the tables that they fill. This package imports none of those above it."""
