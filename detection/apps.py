"""The Django app."""

from typing import Any

from django.apps import AppConfig
from django.dispatch import Signal


class DetectionConfig(AppConfig):
    """Configuration of the app."""

    name = "detection"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let alerts follow the withdrawal and restoration of products."""
        from ingest.models.products import restored, withdrawn

        withdrawn.connect(_follow, dispatch_uid="alerts")
        restored.connect(_follow, dispatch_uid="alerts")


def _follow(signal: Signal, product: Any, **_given: object) -> None:
    from detection.alerts import standing  # Most processes never need alerts.
    from ingest.models.products import restored

    standing.product_restored(product=product) if signal is restored else standing.alerts_settle()
