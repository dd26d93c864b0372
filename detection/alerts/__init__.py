"""Alerts: planned by searches, described and followed."""
