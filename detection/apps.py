"""The Django app."""

from django.apps import AppConfig


class DetectionConfig(AppConfig):
    """Configuration of the app."""

    name = "detection"
    default_auto_field = "django.db.models.BigAutoField"
