"""Displacement series of points beyond the velocity: trend, season, noise, and unwrapping errors in it."""
