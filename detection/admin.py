"""Read-only admin pages of alerts, their history, reviews and the audit. States change only by transitions."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from detection.models import (
    Alert,
    AlertRelation,
    AlertTransition,
    AlertUpdate,
    AuditEntry,
    Proposal,
    PublicText,
    Review,
)
from ingest.admin import ReadOnlyAdmin


class TransitionInline(admin.TabularInline):  # type: ignore[type-arg]  # It takes none as Django runs.
    """Transitions on an alert's page, read-only."""

    model = AlertTransition
    extra = 0
    can_delete = False

    def refuse(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse additions and changes: services alone write transitions, and nothing changes them."""
        return False

    has_add_permission = has_change_permission = refuse


admin.site.register(
    Alert,
    ReadOnlyAdmin,
    list_display=("code", "kind", "state", "severity", "peak_rate_mm_yr", "area_m2", "created_at", "updated_at"),
    list_filter=("state", "kind", "severity", "simulated"),
    inlines=(TransitionInline,),
)
admin.site.register(
    AlertUpdate,
    ReadOnlyAdmin,
    list_display=("transition", "changes", "told_at", "run_number", "created_at"),
    list_select_related=("transition__alert",),
)
admin.site.register(
    AlertRelation,
    ReadOnlyAdmin,
    list_display=("alert", "relation", "other", "created_at"),
    list_filter=("relation",),
    list_select_related=("alert", "other"),
)
NOTES = ("reason_code", "public_note", "internal_note")
ANSWERED = ("outcome", "decided_by", "decided_at", "answer", "created_at")
admin.site.register(
    Review,
    ReadOnlyAdmin,
    list_display=("alert", "verdict", *NOTES, "reviewer", "takes_back", "created_at"),
    list_filter=("verdict", "reason_code"),
    list_select_related=("alert", "reviewer", "takes_back__alert"),
)
admin.site.register(
    Proposal,
    ReadOnlyAdmin,
    list_display=("alert", "reason_code", "proposer", *ANSWERED),
    list_filter=("outcome",),
    list_select_related=("alert", "proposer", "decided_by"),
)
admin.site.register(
    PublicText,
    ReadOnlyAdmin,
    list_display=("subject", "change", "proposer", *ANSWERED),
    list_filter=("outcome",),
    list_select_related=("proposer", "decided_by"),
)
admin.site.register(
    AuditEntry,
    ReadOnlyAdmin,
    list_display=("created_at", "actor", "action", "subject", "before", "after", "detail"),
    list_filter=("action", "actor"),
    search_fields=("subject", "actor", "detail"),
)
