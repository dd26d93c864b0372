"""Filters and statistics without learning: the matched filter, what stands still, hotspots."""
