"""App of the wing, so that Django finds its management commands. It has no models."""

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    """Configuration of the app."""

    name = "monitor.operations"
