"""Deformation in a velocity field: points become a grid, a grid becomes probability and rate, per pixel."""
