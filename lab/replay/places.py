"""Positions in scenarios: conversion of kilometres east and north of the middle to degrees. Pure functions."""

MIDDLE = 12.0, 47.0
KM_NORTH = 1 / 111.2
KM_EAST = KM_NORTH / 0.682  # at 47 degrees north


def square(x_km: float, y_km: float, side_m: float) -> tuple[float, float, float, float]:
    """Return west, south, east and north of a square, degrees."""
    longitude, latitude, half_km = MIDDLE[0] + x_km * KM_EAST, MIDDLE[1] + y_km * KM_NORTH, side_m / 2000
    east, north = half_km * KM_EAST, half_km * KM_NORTH
    return longitude - east, latitude - north, longitude + east, latitude + north
