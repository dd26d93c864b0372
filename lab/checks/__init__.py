"""Checks by `manage.py checkdemo` of a running service over HTTP, as a visitor would use it, one module per part."""
