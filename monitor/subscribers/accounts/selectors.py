"""Reading accounts and invitations."""

from datetime import timedelta

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import pgettext

from monitor.models.messages import Invitation
from monitor.web.guards import PUBLISH, REVIEW
from monitor.web.secret_links import signed_link

BACKEND = "django.contrib.auth.backends.ModelBackend"
ROLE_WORDS = Invitation.Role.choices[::-1]  # Groups and their labels, the role with most rights first.
INVITED_FOR = timedelta(hours=72)


def accounts_of(*, email: str) -> QuerySet[User]:
    """Return the accounts of an address."""
    return User.objects.filter(email__iexact=email.strip())


def invitations_open() -> QuerySet[Invitation]:
    """Return invitations that were neither accepted nor withdrawn, and are not too old."""
    recent = Invitation.objects.filter(created_at__gte=timezone.now() - INVITED_FOR)
    return recent.filter(accepted_at=None, withdrawn_at=None).select_related("invited_by")


def role_in_words(account: User) -> str:
    """Return the role of an account in words."""
    if account.is_superuser:
        return pgettext("role", "superuser")
    groups = {group.name for group in account.groups.all()}
    return next((str(words) for name, words in ROLE_WORDS if name in groups), pgettext("role", "none"))


def reviewers() -> QuerySet[User]:
    """Return active accounts that may decide cases, superusers too."""
    return User.objects.with_perm(REVIEW, backend=BACKEND).order_by("username")


def publishers() -> QuerySet[User]:
    """Return active accounts that may agree with what a colleague proposed, superusers too."""
    return User.objects.with_perm(PUBLISH, backend=BACKEND).order_by("username")


invitation_token, read_invitation = signed_link("monitor.invitation", INVITED_FOR)
