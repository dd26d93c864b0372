"""The Django app."""

from typing import Any

from django.apps import AppConfig


class DetectionConfig(AppConfig):
    """Configuration of the app."""

    name = "detection"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let alerts follow the withdrawal and restoration of products."""
        from ingest.models.products import restored, withdrawn

        withdrawn.connect(_withdrawn, dispatch_uid="alerts")
        restored.connect(_restored, dispatch_uid="alerts")


# Both receivers import alerts only when a signal comes, because most processes never need them.
def _withdrawn(**signal: object) -> None:
    from detection.alerts.standing import alerts_settle

    alerts_settle()


def _restored(product: Any, **signal: object) -> None:
    from detection.alerts.standing import product_restored

    product_restored(product=product)
