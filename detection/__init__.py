"""Predictions become flagged areas, flagged areas become alerts."""
