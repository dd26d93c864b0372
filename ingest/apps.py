"""Django configuration of the application `ingest`."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    """The Django application that loads data."""

    name = "ingest"
    default_auto_field = "django.db.models.BigAutoField"
