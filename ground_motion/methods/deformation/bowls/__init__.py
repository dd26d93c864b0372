"""Bowls in coloured noise: a track's noise covariance, its cells of several sizes, and the search by least squares."""
