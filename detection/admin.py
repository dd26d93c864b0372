"""Alerts with their history, to look at; their state changes only by a transition. Reviews and the audit likewise."""

from django.contrib import admin

from detection.models import Alert, AlertRelation, AlertTransition, AlertUpdate, AuditEntry, Proposal, Review
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
    list_display = ("code", "kind", "state", "severity", "peak_rate_mm_yr", "area_m2", "created_at", "updated_at")
    list_filter = ("state", "kind", "severity", "simulated")
    inlines = (TransitionInline,)


@admin.register(AlertUpdate)
class AlertUpdateAdmin(ReadOnlyAdmin):
    list_display = ("transition", "changes", "told_at", "run_number", "created_at")
    list_select_related = ("transition__alert",)


@admin.register(AlertRelation)
class AlertRelationAdmin(ReadOnlyAdmin):
    list_display = ("alert", "relation", "other", "created_at")
    list_filter = ("relation",)
    list_select_related = ("alert", "other")


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
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
    list_display = ("alert", "reason_code", "proposer", "outcome", "decided_by", "decided_at", "answer", "created_at")
    list_filter = ("outcome",)
    list_select_related = ("alert", "proposer", "decided_by")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "actor", "action", "subject", "before", "after", "detail")
    list_filter = ("action", "actor")
    search_fields = ("subject", "actor", "detail")
