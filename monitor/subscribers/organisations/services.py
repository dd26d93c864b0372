"""Services of organisations: founding, joining, leaving, ownership, dissolving; watched places and members' seats."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from ground_motion.core.errors import one_line, promised
from ingest.foundation.locks import Lock, hold_lock
from monitor.models.escalations import Contact
from monitor.models.lines import BREAK_FIGURES
from monitor.models.messages import OutgoingMessage
from monitor.models.subscriptions import Membership, Organisation, Subscription, language_of_request
from monitor.subscribers.organisations.names import title_of
from monitor.subscribers.quotas.services import mailbox_key, network_key
from monitor.subscribers.subscriptions import limits, services
from monitor.subscribers.subscriptions import selectors as subscriptions
from monitor.subscribers.subscriptions.endpoints import endpoints_exported
from monitor.subscribers.subscriptions.members import invitations, members, memberships_of, owners
from monitor.subscribers.subscriptions.selectors import WISH
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region

MAX_MEMBERS = 50  # Invited people count as members.
MAX_SHARED = 20
MAX_OWNED = 3  # One mailbox may own or have founded this many.
MAX_FOUNDED = 5  # One mailbox may found this number in a day.
MAX_INVITATIONS = 20  # One organisation may send this number in a day.
FOLLOWED = ("region", "label", *WISH)
MEMBER_EXPORTED = ("email", "role", "wants_mails", "created_at", "confirmed_at", "left_at")
LINE_EXPORTED = ("name", "kind", "created_at", "length_m", "half_width_m", "first_station_m", "limit_mm_m_yr")
READER = ("language", "time_zone")


def organisation_found(*, email: str, name: str, ip: str = "") -> Membership:
    """Found an organisation; its first owner is somebody with a confirmed subscription. Raises Refusal.

    ip: address or network of the founder; empty if the service itself founds it.
    """
    if not may_found(email=email):
        raise Refusal(_("Confirm a subscription of your own first."))
    title, mailbox = _title(name), mailbox_key(email=email)
    owned = Q(memberships__in=memberships_of(email=email).filter(role=Membership.Role.OWNER)) | Q(mailbox=mailbox)
    with hold_lock(Lock.QUOTAS):
        if Organisation.objects.filter(owned).distinct().count() >= MAX_OWNED:
            raise Refusal(_("You can own %(number)s organisations at most.") % {"number": whole(MAX_OWNED)})
        organisation = Organisation(name=title, mailbox=mailbox, network=network_key(ip=ip) if ip else "")
        if not limits.allowed_for_organisation(organisation=organisation, most=MAX_FOUNDED, what="foundings"):
            raise Refusal(_("Daily limit reached. Try again tomorrow."))
        organisation.save()
        owner = {"role": Membership.Role.OWNER, "confirmed_at": timezone.now()}
        return Membership.objects.create(organisation=organisation, email=email, **owner)


def may_found(*, email: str) -> bool:
    """Return whether a person has a confirmed subscription of their own."""
    own = subscriptions.subscriptions_of(email=email)
    return own.filter(confirmed_at__isnull=False, ended_at=None, shared=None).exists()


def organisation_rename(*, organisation: Organisation, name: str) -> None:
    """Rename an organisation. Raises Refusal for a name that must not appear in a mail."""
    title = _title(name)
    with alone(organisation) as mine:
        mine.name = title
        mine.save(update_fields=["name"])
        seats_settle(organisation=mine)


def organisation_dissolve(*, organisation: Organisation) -> None:
    """Delete an organisation with its watched places, seats, memberships and endpoints, and queue a mail to members."""
    with alone(organisation) as mine:
        readers = {member.email: {"language": member.language} for member in members(organisation=mine)}
        for email, reader in (readers | _reads(list(readers))).items():
            about = {"about": mine.name, "language": reader["language"]}
            OutgoingMessage.queue(OutgoingMessage.Kind.DISSOLVED, f"dissolved:{uuid4()}", email, **about)
        mine.delete()


def member_invite(*, owner: Membership, email: str) -> None:
    """Invite an address by mail; one that declined is not asked again while its refusal is kept. Raises Refusal."""
    email = services.email_normal(email)
    with alone(owner.organisation) as organisation:
        _title(organisation.name)  # A stored name may be older than the rule.
        known = organisation.memberships.filter(email=email).first()
        if known and known.left_at is None:
            raise Refusal(_("This address is listed already."))
        if known and known.confirmed_at is None:
            raise Refusal(_("This address declined. Let the person write to you first."))
        if members(organisation=organisation).count() + invitations(organisation=organisation).count() >= MAX_MEMBERS:
            raise Refusal(_("An organisation has %(number)s members at most.") % {"number": whole(MAX_MEMBERS)})
        may_invite = limits.allowed_for_organisation(organisation=organisation, most=MAX_INVITATIONS)
        if not (may_invite and limits.allowed_for_address(email=email)):
            raise Refusal(_("Daily limit reached. Try again tomorrow."))
        if known:
            known.delete()  # Somebody who left is asked like anybody else.
        invited = Membership.objects.create(organisation=organisation, email=email, invited_by=owner)
        OutgoingMessage.queue(OutgoingMessage.Kind.MEMBERSHIP, f"membership:{uuid4()}", email, membership=invited)


def invitation_accept(*, membership: Membership, time_zone: str = "") -> None:
    """Accept an invitation; the member's language becomes that of this page. A second call changes nothing."""
    with alone(membership.organisation) as organisation:
        asked = invitations(organisation=organisation).filter(pk=membership.pk)
        zone = services.time_zone_known(time_zone)
        if asked.update(confirmed_at=timezone.now(), language=language_of_request(), time_zone=zone):
            _seats_again(organisation, membership.email)
            seats_settle(organisation=organisation)


def invitation_decline(*, membership: Membership) -> None:
    """Decline an invitation."""
    invitations(organisation=membership.organisation).filter(pk=membership.pk).update(left_at=timezone.now())


def member_leave(*, membership: Membership) -> None:
    """Leave the organisation, and get no more of its mails. Raises Refusal for the last owner."""
    with alone(membership.organisation) as organisation:
        _check_other_owner(organisation, membership)
        mine = members(organisation=organisation).filter(pk=membership.pk)
        mine.update(left_at=timezone.now(), role=Membership.Role.MEMBER)
        seats_settle(organisation=organisation)


def member_remove(*, organisation: Organisation, pk: int) -> None:
    """Remove a member who is no owner, or withdraw an invitation. An unknown pk changes nothing."""
    with alone(organisation) as mine:
        invitations(organisation=mine).filter(pk=pk).delete()
        gone = members(organisation=mine).filter(pk=pk, role=Membership.Role.MEMBER)
        if gone.update(left_at=timezone.now()):
            seats_settle(organisation=mine)


def ownership_share(*, organisation: Organisation, pk: int) -> None:
    """Make a member another owner. An unknown pk changes nothing."""
    with alone(organisation) as mine:
        members(organisation=mine).filter(pk=pk).update(role=Membership.Role.OWNER)


def ownership_give_up(*, membership: Membership) -> None:
    """Make an owner a member. Raises Refusal for the last owner."""
    with alone(membership.organisation) as organisation:
        _check_other_owner(organisation, membership)
        members(organisation=organisation).filter(pk=membership.pk).update(role=Membership.Role.MEMBER)


def mails_set(*, membership: Membership, wanted: bool) -> None:
    """Set whether a member gets the mails of all that the organisation watches, now and later."""
    with alone(membership.organisation) as organisation:
        members(organisation=organisation).filter(pk=membership.pk).update(wants_mails=wanted)
        if wanted:
            _seats_again(organisation, membership.email)
        seats_settle(organisation=organisation)


def shared_add(*, organisation: Organisation, region: Region, name: str = "", **wish: Any) -> Subscription:
    """Add a place for all members. wish: the same fields as for `subscription_request`. Raises Refusal."""
    with alone(organisation) as mine:
        if mine.subscriptions.filter(ended_at=None).count() >= MAX_SHARED:
            raise Refusal(_("An organisation has %(number)s places at most.") % {"number": whole(MAX_SHARED)})
        named = {"name": one_line(name)[: services.MAX_NAME_LENGTH], "confirmed_at": timezone.now(), **wish}
        added = Subscription.objects.create(organisation=mine, **services.place_of(region), **named)
        seats_settle(organisation=mine)
    return added


def shared_change(*, shared: Subscription, region: Region | None, name: str, **wish: Any) -> None:
    """Change filters, name, and region if one is given, of a watched place, for every member."""
    with alone(promised(shared.organisation)) as mine:
        services.subscription_move(subscription=shared, name=name, region=region)
        Subscription.objects.filter(pk=shared.pk).update(**wish)
        seats_settle(organisation=mine)


def shared_end(*, organisation: Organisation, pk: int) -> None:
    """Stop following a place. An unknown pk changes nothing."""
    with alone(organisation) as mine:
        services.subscriptions_end(ids=list(mine.subscriptions.filter(pk=pk).values_list("pk", flat=True)))
        seats_settle(organisation=mine)


def seats_settle(*, organisation: Organisation) -> None:
    """Give members who want mails a seat for each place; end other seats and leavers' contacts. In a transaction."""
    # A subscription that its member ended stays ended. Repeated calls change nothing.
    shared = list(organisation.subscriptions.filter(ended_at=None))
    readers = {member.email: member for member in members(organisation=organisation).filter(wants_mails=True)}
    seats = Subscription.objects.filter(shared__organisation=organisation)
    present = members(organisation=organisation).values("pk")
    Contact.objects.filter(organisation=organisation, endpoint=None).exclude(member__in=present).delete()
    over = seats.filter(ended_at=None).exclude(email__in=readers, shared__in=shared)
    services.subscriptions_end(ids=list(over.values_list("pk", flat=True)))
    for one in shared:
        follows = {field: getattr(one, field) for field in FOLLOWED}
        one.seats.filter(ended_at=None).update(name=organisation.name, **follows)
    known, now = set(seats.values_list("shared", "email")), timezone.now()
    reads = _reads([email for email in readers if any((one.pk, email) not in known for one in shared)])
    Subscription.objects.bulk_create(
        Subscription(
            email=email,
            shared=one,
            name=organisation.name,
            confirmed_at=now,
            **{field: getattr(one, field) for field in FOLLOWED},
            **reads.get(email, {"language": reader.language, "time_zone": reader.time_zone}),
        )
        for one in shared
        for email, reader in readers.items()
        if (one.pk, email) not in known
    )


def organisation_exported(*, organisation: Organisation) -> dict[str, Any]:
    """Return all data held of an organisation, for its owners, in machine-readable form."""
    return {
        "name": organisation.name,
        "founded": organisation.created_at,
        "members": list(organisation.memberships.values(*MEMBER_EXPORTED)),
        "subscriptions": [services.exported(subscription) for subscription in organisation.subscriptions.all()],
        "endpoints": endpoints_exported(organisation=organisation),
        **{name: getattr(organisation, name) for name in ("asks_from", "public_name", "trusted_at")},
        "contacts": list(organisation.contacts.values("member__email", "endpoint__name", "position", "hours")),
        "alerts": [
            {"alert": one.alert.code, "severity": one.severity, "asked": one.created_at, "taken_up": one.taken_at}
            for one in organisation.escalations.select_related("alert").defer("alert__area")
        ],
        "lines": [
            {
                **{name: getattr(line, name) for name in LINE_EXPORTED},
                "course": json.loads(line.geometry.json),
                "breaks": list(line.breaks.values("station_m", *BREAK_FIGURES, "is_beyond")),
                "notices": list(line.notices.values_list("created_at", flat=True)),
            }
            for line in organisation.lines.all()
        ],
    }


def _seats_again(organisation: Organisation, email: str) -> None:
    """Reopen the subscriptions that one member had ended; they report news from now on."""
    seats = Subscription.objects.filter(shared__organisation=organisation, shared__ended_at=None, email=email)
    again = {"ended_at": None, "confirmed_at": timezone.now(), "paused_at": None, "paused_until": None}
    seats.exclude(ended_at=None).update(**again, pause_reason="")


def _reads(emails: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return, by address, the language and time zone of the address's newest subscription."""
    rows = Subscription.objects.filter(email__in=emails).order_by("email", "-id").distinct("email")
    return {row["email"]: {field: row[field] for field in READER} for row in rows.values("email", *READER)}


def _check_other_owner(organisation: Organisation, membership: Membership) -> None:
    others = owners(organisation=organisation.pk).exclude(pk=membership.pk)
    if not others.exists():
        raise Refusal(_("You are the only owner. Make somebody else an owner first, or dissolve the organisation."))


def _title(name: str) -> str:
    title = title_of(name)
    if title is None:
        raise Refusal(_("Type a name of at most 60 letters and digits, without a link or a telephone number."))
    return title


@contextmanager
def alone(organisation: Organisation) -> Iterator[Organisation]:
    """Lock an organisation for one change, in one transaction. Raises Refusal if it has been dissolved."""
    with transaction.atomic():
        mine = Organisation.objects.select_for_update().filter(pk=organisation.pk).first()
        if mine is None:
            raise Refusal(_("This organisation was dissolved."))
        yield mine
