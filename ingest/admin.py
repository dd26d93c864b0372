"""Read-only admin pages of products and scenes. Only commands change rows, so that points and rows stay consistent."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from ingest.models import ContextLayer, IngestJob, Product, Scene, SceneDownload, ScenePair


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # It takes none as Django runs.
    """Admin page on which rows can be seen but not added, changed or deleted."""

    def refuse(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse additions, changes and deletions."""
        return False

    has_add_permission = has_change_permission = has_delete_permission = refuse


admin.site.register(
    Product,
    ReadOnlyAdmin,
    list_display=("name", "level", "component", "n_points", "n_refused", "simulated", "file_name", "loaded_at"),
    list_filter=("source_format", "component", "simulated"),
    search_fields=("name", "file_name", "file_sha256"),
)
admin.site.register(
    Scene,
    ReadOnlyAdmin,
    list_display=("name", "platform", "track", "burst", "polarisation", "acquired_at", "simulated", "loaded_at"),
    list_filter=("source_format", "track", "polarisation", "simulated"),
    search_fields=("name", "file_name", "file_sha256"),
)
admin.site.register(
    ScenePair,
    ReadOnlyAdmin,
    list_display=("__str__", "temporal_baseline_days", "reference", "secondary"),
    list_select_related=("reference", "secondary"),
)
admin.site.register(
    ContextLayer,
    ReadOnlyAdmin,
    list_display=("name", "kind", "n_features", "n_refused", "simulated", "file_name", "loaded_at"),
    list_filter=("kind", "simulated"),
    search_fields=("name", "file_name", "file_sha256"),
)
admin.site.register(
    IngestJob,
    ReadOnlyAdmin,
    list_display=("original_name", "source", "state", "given_by", "attempts", "points_done", "created_at", "error"),
    list_filter=("state", "source"),
    search_fields=("original_name", "sha256"),
)
admin.site.register(
    SceneDownload,
    ReadOnlyAdmin,
    list_display=("scene_id", "source", "state", "acquired_at", "size_bytes", "bytes_done", "next_try_at", "error"),
    list_filter=("state", "source", "track"),
    search_fields=("scene_id", "file_name"),
)
