"""Alerts: planned by searches, described, followed and recomputed."""
