"""Permissions, in the one module that every view and template uses.

| who           | sees                                                | may                                     |
|---------------|-----------------------------------------------------|-----------------------------------------|
| anonymous     | what is public: map, alerts, events of catalogues   | subscribe                               |
| subscriber    | also their own subscriptions                        | whatever the signed link is for         |
| member        | also what their organisation follows                | the same; its owners: change that       |
| colleague     | what is public: an account without a role           | change their own password               |
| viewer        | also images, pairs, all events, jobs, who loaded    | as a colleague                          |
| operator      | the same                                            | review, add data, report events, jobs   |
| publisher     | the same                                            | also publish what a colleague proposed  |
| administrator | also every table, and the list of accounts          | also change the schedule, invite        |
| superuser     | the same                                            | everything: deactivate accounts         |

Roles are Django groups that always exist; only superusers edit accounts, because that gives any right. Signed links
belong to `monitor.subscribers`; docs/access.csv has the answer of every address to each of them. From operators on, a
role begins once its account has a second factor.
"""

from collections.abc import Callable
from functools import cached_property, wraps
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from monitor.web.identity.site_file import ROLES

MAIL_FILES_BACKEND = "monitor.notifications.mail.files.EmailBackend"
Reader = User | AnonymousUser
ViewFunction = Callable[..., HttpResponseBase]
READING = {"GET", "HEAD", "OPTIONS"}
FACTOR_MISSING = "_second_factor_missing"  # attribute of an account in which the answer is kept for its request
VIEWERS, OPERATORS, PUBLISHERS, ADMINISTRATORS = ROLES
VIEW_WORK = "detection.view_review"
REVIEW = "detection.add_review"
PUBLISH = "detection.publish_proposal"
LOAD = "ingest.add_ingestjob"


def second_factor_missing(user: Reader) -> bool:
    """Return whether an account lacks the second factor that its role needs; until then the role has no effect."""
    if not settings.MFA_REQUIRED or not user.is_authenticated:
        return False
    missing: bool | None = getattr(user, FACTOR_MISSING, None)
    if missing is None:
        has_role = user.is_staff or any(user.has_perm(permission) for permission in (REVIEW, PUBLISH, LOAD))
        missing = has_role and not is_mfa_enabled(user)
        setattr(user, FACTOR_MISSING, missing)
    return missing


def may_review(user: Reader) -> bool:
    """Return whether this account may decide about alerts."""
    return user.has_perm(REVIEW) and not second_factor_missing(user)


def may_publish(user: Reader) -> bool:
    """Return whether this account may agree with what another person proposed."""
    return user.has_perm(PUBLISH) and may_review(user)


def may_load(user: Reader) -> bool:
    """Return whether this account may add data."""
    return user.has_perm(LOAD) and not second_factor_missing(user)


def may_view_work(user: Reader) -> bool:
    """Return whether the pages of those who work here are shown: cases, images, pairs, events."""
    return any(user.has_perm(permission) for permission in (VIEW_WORK, REVIEW, LOAD)) and not second_factor_missing(
        user
    )


def may_administrate(user: Reader) -> bool:
    """Return whether Django's admin lets this account in."""
    return user.is_active and user.is_staff and not second_factor_missing(user)


def may_manage_accounts(user: Reader) -> bool:
    """Return whether this account is a superuser; only they edit accounts, because an editor could take any right."""
    return user.is_active and user.is_superuser and not second_factor_missing(user)


def account_in(request: HttpRequest) -> User:
    """Return the account that is signed in, as behind every guard. Raises PermissionDenied."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return request.user


class Permissions:
    """Permissions of a page's reader, for templates: `{% if may.review %}`. Looked up only where they are used."""

    def __init__(self, request: HttpRequest) -> None:
        self._user: Reader = getattr(request, "user", None) or AnonymousUser()

    review = cached_property(lambda self: may_review(self._user))
    publish = cached_property(lambda self: may_publish(self._user))
    load = cached_property(lambda self: may_load(self._user))
    manage_accounts = cached_property(lambda self: may_manage_accounts(self._user))
    invite = cached_property(lambda self: may_administrate(self._user))
    view_work = cached_property(lambda self: may_view_work(self._user))


def _to_case(request: HttpRequest, kwargs: dict[str, Any]) -> str:
    """Return the address to open after signing in: that of the case, not of a form."""
    return reverse("review-case", args=[kwargs["code"]]) if "code" in kwargs else request.path


def _to_data(request: HttpRequest, kwargs: dict[str, Any]) -> str:
    """Return the page of the data set that an address is about, not that of a form; else the page of uploads."""
    return reverse("product-detail", args=[kwargs["product"]]) if "product" in kwargs else reverse("uploads")


def _reads_or_reviews(user: Reader, method: str | None) -> bool:
    return may_view_work(user) if method in READING else may_review(user)


def _guard(
    refusal: Promise,
    may: Callable[[Reader], bool] | None = None,
    back: Callable[[HttpRequest, dict[str, Any]], str] = lambda request, kwargs: request.path,
    *,
    may_be_kept: bool = False,
) -> Callable[[ViewFunction], ViewFunction]:
    """Return a decorator: redirect an anonymous visitor to sign in and then to `back`; refuse an account without right.

    may: whether an account has the right; None: viewers read and operators change. may_be_kept: whether a browser may
    keep the answer.
    """

    def guard(view: ViewFunction) -> ViewFunction:
        @wraps(view)
        def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(back(request, kwargs))
            if second_factor_missing(request.user):
                return redirect("mfa_activate_totp")
            if not (may(request.user) if may else _reads_or_reviews(request.user, request.method)):
                raise PermissionDenied(str(refusal))
            return view(request, **kwargs)

        return guarded if may_be_kept else never_cache(guarded)

    return guard


# A case: viewers read, operators decide.
reviewers_only = _guard(
    gettext_lazy("Your account may not review alerts. An administrator can add it to the operators."), back=_to_case
)
# A second person agrees to a colleague's proposal.
publishers_only = _guard(
    gettext_lazy(
        "Your account may not publish what a colleague proposed. An administrator can add it to the publishers."
    ),
    may_publish,
    _to_case,
)
# Uploads: no part of the body is read before the check.
loaders_only = _guard(
    gettext_lazy("Your account may not add data. An administrator can add it to the operators."), may_load, _to_data
)
# Images, pairs and events: viewers read, operators change.
operators_only = _guard(
    gettext_lazy("Your account may not see or do this. An administrator can add it to the viewers or the operators."),
    back=lambda request, kwargs: request.get_full_path(),
    may_be_kept=True,
)
# Pages for operators alone, such as what residents report in confidence: viewers see nothing.
deciders_only = _guard(
    gettext_lazy("Your account may not see or do this. An administrator can add it to the operators."), may_review
)
# The list of accounts and the invitations: an invitation gives no right that an administrator lacks.
inviters_only = _guard(
    gettext_lazy("Accounts are listed for administrators, who also invite."),
    may_administrate,
    lambda request, kwargs: reverse("accounts"),
)
# Changes of accounts.
superusers_only = _guard(
    gettext_lazy("Accounts are managed by superusers only."),
    may_manage_accounts,
    lambda request, kwargs: reverse("accounts"),
)
# Jobs: viewers read, operators retry and cancel. Who has to sign in first is then led to the list.
job_keepers_only = _guard(
    gettext_lazy(
        "Your account may not see or change jobs. An administrator can add it to the viewers or the operators."
    ),
    back=lambda request, kwargs: reverse("job-list"),
)


def demo_only(view: ViewFunction) -> ViewFunction:
    """Guard pages that exist only in a demo whose mails are kept as files."""

    @wraps(view)
    def guarded(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
        if not mails_are_shown():
            raise Http404("There are no mails to look at here.")
        return view(request, **kwargs)

    return guarded


def mails_are_shown() -> bool:
    """Return whether mails can be read on the site: only in a demo, and only mails that were never sent anywhere."""
    return bool(settings.DEMO and settings.EMAIL_BACKEND == MAIL_FILES_BACKEND)


def roles_ensure(sender: AppConfig, using: str, **kwargs: object) -> None:
    """Create the groups after migrations, with permissions for the tables that exist."""
    if sender is not [config for config in apps.get_app_configs() if config.models_module][-1]:
        return  # Permissions of later apps do not exist yet.
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
