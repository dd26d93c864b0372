"""Read-only admin pages of runs, versions of methods, and events."""

from django.contrib import admin

from ingest.admin import ReadOnlyAdmin
from ml.models import GroundEvent, ModelVersion, Run

RESULT = ("state", "share_done", "attempts", "seconds", "device", "code_version", "parameters", "error")
admin.site.register(
    Run,
    ReadOnlyAdmin,
    list_display=("id", "model_version", "product", "pair", *RESULT),
    list_filter=("state", "model_version"),
    list_select_related=("model_version", "product", "pair"),
)
admin.site.register(ModelVersion, ReadOnlyAdmin, list_display=("task", "method", "version", "weights_sha256"))
admin.site.register(
    GroundEvent,
    ReadOnlyAdmin,
    list_display=("kind", "name", "happened_at", "reported_by", "created_at"),
    list_filter=("kind",),
)
