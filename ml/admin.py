"""Read-only admin pages of runs, versions of methods, and events."""

from django.contrib import admin

from ingest.admin import ReadOnlyAdmin
from ml.models import GroundEvent, ModelVersion, Run


@admin.register(Run)
class RunAdmin(ReadOnlyAdmin):
    """Admin page of runs, with their task, input, method and outcome."""

    list_display = (
        "id",
        "model_version",
        "product",
        "pair",
        "state",
        "share_done",
        "attempts",
        "seconds",
        "device",
        "code_version",
        "parameters",
        "error",
    )
    list_filter = ("state", "model_version")
    list_select_related = ("model_version", "product", "pair")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    """Admin page of the versions of methods, with their weights."""

    list_display = ("task", "method", "version", "weights_sha256")


@admin.register(GroundEvent)
class GroundEventAdmin(ReadOnlyAdmin):
    """Admin page of events, on whose pairs runs are executed before all others."""

    list_display = ("kind", "name", "happened_at", "reported_by", "created_at")
    list_filter = ("kind",)
