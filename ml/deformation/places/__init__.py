"""From a flagged area to a measured place: where it moves, how fast at its fastest, and in how many pieces."""
