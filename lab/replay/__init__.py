"""Replay of scenarios, product by product as in live operation: `manage.py replay`."""
