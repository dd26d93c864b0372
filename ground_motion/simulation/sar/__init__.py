"""Pairs and series of detected radar images whose ground moves and changes by a known amount."""
