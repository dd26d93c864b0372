"""Deformation in a velocity field: points become a grid, a grid becomes probability and rate, per pixel."""

DEFAULT_METHOD = "model"  # of the command and of the service, unless its settings name another
