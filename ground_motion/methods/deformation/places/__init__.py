"""Measurement of places in a flagged area: outlines, peak rates, and separate pieces."""
