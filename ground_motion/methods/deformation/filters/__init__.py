"""Filters and statistics without learning: the matched filter, still ground, hotspots."""
