"""Measurement of places in a flagged area: where it moves, how fast at its fastest, and in how many pieces."""
