"""Histories that go in product by product, as if live: `manage.py replay`."""
