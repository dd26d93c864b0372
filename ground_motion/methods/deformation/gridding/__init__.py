"""Gridding of points: removal of single outliers, medians of cells, and filling of gaps."""
