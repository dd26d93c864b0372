"""Alerts with their history, to look at; their state changes only by a transition."""

from django.contrib import admin

from detection.models import Alert, AlertTransition
from ingest.admin import ReadOnlyAdmin


class TransitionInline(admin.TabularInline):
    model = AlertTransition
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None) -> bool:
        return False

    def has_change_permission(self, request, obj=None) -> bool:
        return False


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    list_display = ("code", "kind", "state", "severity", "peak_rate_mm_yr", "area_m2", "first_seen", "updated")
    list_filter = ("state", "kind", "severity", "simulated")
    inlines = (TransitionInline,)
