"""Who is known: accounts with a role, and members of organisations that operators trust. Everybody else is a stranger.

Whatever the public, operators and other readers notice of an organisation passes `organisations_trusted`. A row that is
stored for somebody known has no network; strangers share a part of each limit, by their networks.
"""

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from monitor.models.subscriptions import Membership, Organisation
from monitor.subscribers.quotas.services import organisation_key


def organisations_trusted() -> QuerySet[Organisation]:
    """Return the organisations that operators trust."""
    return Organisation.objects.exclude(trusted_at=None)


def by_trusted() -> Q:
    """Return the condition that a row is of the operators themselves, or of an organisation that they trust."""
    return Q(organisation=None) | Q(organisation__in=organisations_trusted())


def members_trusted() -> QuerySet[Membership]:
    """Return the members of organisations that operators trust."""
    return Membership.objects.filter(left_at=None, organisation__in=organisations_trusted()).exclude(confirmed_at=None)


def is_known(*, email: str) -> bool:
    """Return whether an address, which its reader has confirmed, is of an account with a role or a trusted member."""
    accounts = User.objects.filter(email__iexact=email, is_active=True).exclude(groups=None, is_superuser=False)
    return members_trusted().filter(email=email).exists() or accounts.exists()


def network_of_organisation(*, organisation: Organisation) -> str:
    """Return the network of its founder, against which an organisation's rows count; empty if it is trusted."""
    # A row older than this column counts as a network of its own.
    return "" if organisation.trusted_at else organisation.network or organisation_key(organisation=organisation.pk)
