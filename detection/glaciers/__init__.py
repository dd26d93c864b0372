"""Glaciers: cells, samples, time series and surges."""
