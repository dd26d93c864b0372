"""Django app of this folder, so that its management commands are found. It has no models."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """Configuration of the app."""

    name = "monitor.operations"
