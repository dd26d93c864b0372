"""Roles as Django groups that always exist (`guards`). Only superusers edit accounts, because that gives any right."""

from django.apps import AppConfig, apps
from django.db.models import Q

from monitor.web.identity.site_file import ROLES

VIEWERS, OPERATORS, PUBLISHERS, ADMINISTRATORS = ROLES
VIEW_WORK = "detection.view_review"
REVIEW = "detection.add_review"
PUBLISH = "detection.publish_proposal"
LOAD = "ingest.add_ingestjob"


def roles_ensure(sender: AppConfig, using: str, **kwargs: object) -> None:
    """Create the groups after migrations, with permissions for the tables that exist."""
    if sender is not [config for config in apps.get_app_configs() if config.models_module][-1]:
        return  # permissions of later apps do not exist yet
    from django.contrib.auth.models import Group, Permission

    read = Q(codename="view_review", content_type__app_label="detection")
    work = read | Q(codename="add_review", content_type__app_label="detection")
    work |= Q(codename="add_ingestjob", content_type__app_label="ingest")
    publish = work | Q(codename="publish_proposal", content_type__app_label="detection")
    view_all = Q(codename__startswith="view_")
    schedule = Q(content_type__app_label="django_celery_beat")
    release = Q(codename="delete_accessattempt", content_type__app_label="axes")
    administrate = publish | view_all | schedule | release
    rights = {VIEWERS: read, OPERATORS: work, PUBLISHERS: publish, ADMINISTRATORS: administrate}
    for name, wanted in rights.items():
        group, _ = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(Permission.objects.using(using).filter(wanted))
