"""A person's memberships of organisations: reading, exporting and deleting them."""

from contextlib import suppress
from typing import Any

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from ground_motion.core.errors import promised
from monitor.models.subscriptions import Membership, Organisation, Subscription
from monitor.subscribers.quotas.known import members_trusted
from monitor.subscribers.quotas.services import mailbox_key
from monitor.subscribers.subscriptions import tokens
from monitor.web.middleware import KNOWN_BY
from monitor.web.secret_links import Wrong

ACTIVE = Q(confirmed_at__isnull=False, left_at=None)


def memberships_of(*, email: str) -> QuerySet[Membership]:
    """Return the memberships of an address."""
    return Membership.objects.filter(ACTIVE, email=email).select_related("organisation")


def members(*, organisation: Organisation) -> QuerySet[Membership]:
    """Return the members of an organisation who have not left, the first one first."""
    return organisation.memberships.filter(ACTIVE).order_by("confirmed_at", "id")


def owners(*, organisation: int) -> QuerySet[Membership]:
    """Return the owners of an organisation."""
    return Membership.objects.filter(ACTIVE, organisation=organisation, role=Membership.Role.OWNER)


def invitations(*, organisation: Organisation) -> QuerySet[Membership]:
    """Return the unanswered invitations of an organisation."""
    return organisation.memberships.filter(confirmed_at=None, left_at=None)


def is_of_trusted_organisation(request: HttpRequest) -> bool:
    """Return whether the signed link or the account of a visitor belongs to a member of a trusted organisation."""
    theirs = Q()
    if request.user.is_authenticated and request.user.email:
        theirs |= Q(email=request.user.email.lower())
    with suppress(KeyError, Wrong):  # The address may belong to no member.
        subscription, membership = tokens.read_manage(promised(request.resolver_match).kwargs["token"])
        theirs |= Q(pk=membership) | Q(email__in=Subscription.objects.filter(pk=subscription).values("email"))
    return bool(theirs) and members_trusted().filter(theirs).exists()


KNOWN_BY.append(is_of_trusted_organisation)


def manage_token_of(*, email: str) -> str:
    """Return the token that opens all data stored about an address; empty if nothing is stored."""
    held = Subscription.objects.filter(email=email).last()
    if held:
        return tokens.manage_token(held.pk)
    membership = Membership.objects.filter(email=email).last()
    return tokens.member_token(membership.pk) if membership else ""


def person_forget(*, email: str) -> None:
    """Delete a person's memberships, within the caller's transaction, which also has to delete the seats."""
    # If an organisation has no other owner, its longest member becomes one; without other members it is deleted. If the
    # person answered for its daily limits, that member does now.
    for one in memberships_of(email=email):
        others = members(organisation=Organisation.objects.select_for_update().get(pk=one.organisation_id))
        heir = others.exclude(pk=one.pk).first()
        if heir is None:
            one.organisation.delete()
        elif not owners(organisation=one.organisation_id).exclude(pk=one.pk).exists():
            Membership.objects.filter(pk=heir.pk).update(role=Membership.Role.OWNER)
        if heir:
            answers = Organisation.objects.filter(pk=one.organisation_id, mailbox=mailbox_key(email=email))
            answers.update(mailbox=mailbox_key(email=heir.email))
    Membership.objects.filter(email=email).delete()


def person_exported(*, email: str) -> list[dict[str, Any]]:
    """Return the data held of an address's memberships and invitations."""
    times = {"invited": F("created_at"), "joined": F("confirmed_at"), "left": F("left_at")}
    times |= {"contact_hours": F("contact__hours")}
    mine = Membership.objects.filter(email=email).annotate(of=F("organisation__name"), **times)
    rows = mine.values("of", "role", "wants_mails", "language", "time_zone", *times)
    return [{"organisation": row.pop("of"), **row} for row in rows]
