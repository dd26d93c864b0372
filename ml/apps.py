"""App of the methods: models, versions and runs."""

from django.apps import AppConfig


class MlConfig(AppConfig):
    """App of the models and their runs."""

    name = "ml"
    default_auto_field = "django.db.models.BigAutoField"
