"""Bowls in coloured noise: the noise law of a track, its cells of several sizes, and the search by least squares."""
