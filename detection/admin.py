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

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: transitions are written by services only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: transitions are never changed."""
        return False


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    """List of alerts."""

    list_display = ("code", "kind", "state", "severity", "peak_rate_mm_yr", "area_m2", "created_at", "updated_at")
    list_filter = ("state", "kind", "severity", "simulated")
    inlines = (TransitionInline,)


@admin.register(AlertUpdate)
class AlertUpdateAdmin(ReadOnlyAdmin):
    """List of updates."""

    list_display = ("transition", "changes", "told_at", "run_number", "created_at")
    list_select_related = ("transition__alert",)


@admin.register(AlertRelation)
class AlertRelationAdmin(ReadOnlyAdmin):
    """List of relations between alerts."""

    list_display = ("alert", "relation", "other", "created_at")
    list_filter = ("relation",)
    list_select_related = ("alert", "other")


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """List of reviews."""

    list_display = (
        "alert",
        "verdict",
        "reason_code",
        "public_note",
        "internal_note",
        "reviewer",
        "takes_back",
        "created_at",
    )
    list_filter = ("verdict", "reason_code")
    list_select_related = ("alert", "reviewer", "takes_back__alert")


@admin.register(Proposal)
class ProposalAdmin(ReadOnlyAdmin):
    """List of proposals."""

    list_display = ("alert", "reason_code", "proposer", "outcome", "decided_by", "decided_at", "answer", "created_at")
    list_filter = ("outcome",)
    list_select_related = ("alert", "proposer", "decided_by")


@admin.register(PublicText)
class PublicTextAdmin(ReadOnlyAdmin):
    """List of proposed texts."""

    list_display = ("subject", "change", "proposer", "outcome", "decided_by", "decided_at", "answer", "created_at")
    list_filter = ("outcome",)
    list_select_related = ("proposer", "decided_by")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """List of audit entries."""

    list_display = ("created_at", "actor", "action", "subject", "before", "after", "detail")
    list_filter = ("action", "actor")
    search_fields = ("subject", "actor", "detail")
