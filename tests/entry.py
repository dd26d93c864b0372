"""Entry point of the tests. pytest loads it before pytest-django reads the settings."""

from monitor.start.process import process_prepare

process_prepare()
