"""Who may do what, as Django groups that always exist. Everybody else reads what is public.

operators review alerts and add data; administrators do so too, look at every table in Django's admin, change the
schedule and release locked logins. Accounts are made by a superuser only: whoever edits accounts could give themselves
every right.
"""

from django.apps import AppConfig, apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

OPERATORS, ADMINISTRATORS = "operators", "administrators"
REVIEW = "detection.add_review"
LOAD = "ingest.add_ingestjob"


def may_review(user: AbstractBaseUser | AnonymousUser) -> bool:
    return user.has_perm(REVIEW)


def may_load(user: AbstractBaseUser | AnonymousUser) -> bool:
    return user.has_perm(LOAD)


def may_see_images(user: AbstractBaseUser | AnonymousUser) -> bool:
    """The pages of images and pairs are for whoever judges what was found in them, or adds them."""
    return may_review(user) or may_load(user)


def roles_ensure(sender: AppConfig, using: str, **kwargs: object) -> None:
    """After migrations: make the groups and bring their permissions up to the tables that there are."""
    if sender is not [config for config in apps.get_app_configs() if config.models_module][-1]:
        return  # permissions of later apps do not exist yet
    from django.contrib.auth.models import Group, Permission

    work = Q(codename="add_review", content_type__app_label="detection")
    work |= Q(codename="add_ingestjob", content_type__app_label="ingest")
    look = Q(codename__startswith="view_")
    schedule = Q(content_type__app_label="django_celery_beat")
    release = Q(codename="delete_accessattempt", content_type__app_label="axes")
    for name, wanted in ((OPERATORS, work), (ADMINISTRATORS, work | look | schedule | release)):
        group, _ = Group.objects.using(using).get_or_create(name=name)
        group.permissions.set(Permission.objects.using(using).filter(wanted))
