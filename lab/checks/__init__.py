"""Checks of `manage.py checkdemo` on a running service, one module per part of it, over HTTP as a visitor would."""
