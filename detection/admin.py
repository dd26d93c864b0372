"""Read-only admin page of the audit. Everything else of the service has pages of its own."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from detection.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # It takes none at run time.
    """Page on which entries can be seen but not added, changed or deleted."""

    list_display = ("created_at", "actor", "action", "subject", "before", "after", "detail")
    list_filter = ("action", "actor")
    search_fields = ("subject", "actor", "detail")

    def refuse(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse additions, changes and deletions."""
        return False

    has_add_permission = has_change_permission = has_delete_permission = refuse
