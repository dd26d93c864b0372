"""Admin pages of the schedule: needed rows cannot be deleted; switching a stage off needs a reason. None of allauth."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule

from detection.reviews.audit import audit_write
from monitor.schedule import BEAT_SCHEDULE
from monitor.web.guards import account_in

ACTIONS = ("enable_tasks", "run_tasks")  # They take several periodic tasks.


class ScheduleAdmin(beat.ScheduleAdmin):
    """Page of intervals or other times. One that tasks use stays as it is: deleting it would delete the tasks too."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions on several rows, without their deletion."""
        return {name: action for name, action in super().get_actions(request).items() if name != "delete_selected"}

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether a person may change times; nobody may where a task uses them."""
        return super().has_change_permission(request, obj) and not _is_used(obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether a person may delete times; nobody may where a task uses them."""
        return super().has_delete_permission(request, obj) and not _is_used(obj)


class PeriodicTaskForm(beat.PeriodicTaskForm):
    """Form of a periodic task that asks why a stage of the plan is switched off."""

    def clean(self) -> dict[str, Any]:
        """Refuse to switch a stage of the plan off without a description."""
        data: dict[str, Any] = beat.PeriodicTaskForm.clean(self)
        if self.instance.name in BEAT_SCHEDULE and not data["enabled"] and not data.get("description", "").strip():
            raise ValidationError({"description": _("Say why this stage is switched off.")})
        return data


class PeriodicTaskAdmin(beat.PeriodicTaskAdmin):
    """Page of periodic tasks. Stages of the plan are switched off one by one, with a reason, and never deleted."""

    form = PeriodicTaskForm

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Return the actions on several rows that switch tasks on or run them."""
        return {name: action for name, action in super().get_actions(request).items() if name in ACTIONS}

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return the fields that cannot be changed, among them the name of a scheduled stage."""
        fields = tuple(super().get_readonly_fields(request, obj))
        return (*fields, "name") if obj and obj.name in BEAT_SCHEDULE else fields

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether a person may delete a task; nobody may delete a stage of the plan."""
        return super().has_delete_permission(request, obj) and (obj is None or obj.name not in BEAT_SCHEDULE)

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Save a task, and write to the audit who switched it on or off."""
        super().save_model(request, obj, form, change)
        if "enabled" in form.changed_data:
            action = f"schedule.{'on' if obj.enabled else 'off'}"
            detail = f"{obj.name}: {obj.description}".removesuffix(": ")
            audit_write(actor=account_in(request), action=action, subject="schedule", detail=detail)


def _is_used(times: Any) -> bool:
    return times is not None and times.periodictask_set.exists()


for model, page in (
    *((times, ScheduleAdmin) for times in (ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule)),
    (PeriodicTask, PeriodicTaskAdmin),
):
    admin.site.unregister(model)
    admin.site.register(model, page)
for private in (EmailAddress, Authenticator, UserSession, SocialAccount, SocialApp, SocialToken):
    admin.site.unregister(private)
