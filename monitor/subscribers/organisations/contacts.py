"""Contacts of an organisation: who is asked who takes up an alert, in which order, and how long each may answer."""

from typing import Any

from django.db.models import F, Max, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from detection.kinds import KIND_LABELS
from monitor.models.escalations import Contact
from monitor.models.messages import Endpoint
from monitor.models.subscriptions import Membership, Organisation, Subscription
from monitor.subscribers.organisations.escalations import organisation_audit
from monitor.subscribers.organisations.names import title_of
from monitor.subscribers.organisations.services import alone, organisation_found, shared_add
from monitor.subscribers.subscriptions.members import members, memberships_of
from monitor.subscribers.subscriptions.selectors import SEVERITIES
from monitor.subscribers.subscriptions.services import VILLAGE_ADDRESS
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal, number_or_none
from monitor.wording.regions import Region

OFFICE_ADDRESS = "works@example.org"  # Address of the demo's office.
MAX_CONTACTS = 10
MAX_HOURS = 14 * 24


def members_to_ask(*, organisation: Organisation) -> QuerySet[Membership]:
    """Return the members who are no contacts yet."""
    return members(organisation=organisation).filter(contact=None)


def endpoints_to_ask(*, organisation: Organisation) -> QuerySet[Endpoint]:
    """Return the working webhooks of an organisation that are no contacts yet."""
    return Endpoint.objects.filter(organisation=organisation, contact=None, ended_at=None).exclude(verified_at=None)


def contact_add(*, organisation: Organisation, who: str, hours: str) -> None:
    """Add a contact after the others. who: 'member-5' or 'endpoint-7'. Raises Refusal."""
    kind, _dash, number = who.partition("-")
    own_hours, pk = number_or_none(hours) or 0, number_or_none(number) or 0
    if not 1 <= own_hours <= MAX_HOURS:
        raise Refusal(_("Give each contact 1 to %(number)s hours.") % {"number": whole(MAX_HOURS)})
    with alone(organisation) as mine:
        choice: Any = {"member": members_to_ask, "endpoint": endpoints_to_ask}.get(kind)
        row = choice and choice(organisation=mine).filter(pk=pk).first()
        if not row:
            raise Refusal(_("Choose a member or a webhook."))
        if mine.contacts.count() >= MAX_CONTACTS:
            raise Refusal(_("An organisation has %(number)s contacts at most.") % {"number": whole(MAX_CONTACTS)})
        last = mine.contacts.aggregate(last=Max("position", default=0))["last"]
        Contact.objects.create(organisation=mine, position=last + 1, hours=own_hours, **{kind: row})
        organisation_audit(organisation=mine, action="contact added")


def contact_change(*, organisation: Organisation, pk: int, deed: str) -> None:
    """Remove a contact ('remove'), or ask it before all others ('first'). An unknown pk or action changes nothing."""
    with alone(organisation) as mine:
        chosen = mine.contacts.filter(pk=pk)
        if not chosen or deed not in ("first", "remove"):
            return
        if deed == "remove":
            chosen.delete()
        else:
            mine.contacts.exclude(pk=pk).update(position=F("position") + 1)
            chosen.update(position=1)
        organisation_audit(organisation=mine, action=f"contact: {deed}")


def asking_set(*, organisation: Organisation, severity: str, public_name: str) -> None:
    """Set from which severity contacts are asked ('': never), and the name in public; a new one is not trusted yet."""
    name = title_of(public_name) if public_name.strip() else ""
    if name is None or severity not in ("", *SEVERITIES):
        raise Refusal(_("Type a name of at most 60 letters and digits, without a link or a telephone number."))
    with alone(organisation) as mine:
        mine.trusted_at = mine.trusted_at if mine.public_name == name else None
        mine.asks_from, mine.public_name = severity, name
        mine.save(update_fields=["asks_from", "public_name", "trusted_at"])
        organisation_audit(organisation=mine, action="contacts asked", after=severity or "never")


def organisation_trust(*, organisation: Organisation, trusted: bool, actor: str, shown: str = "") -> None:
    """Trust an organisation or end that trust: its questions and what it takes up count, also in public, while trusted.

    shown: the name that the operator has read. Raises Refusal if trust is given to another one.
    """
    with alone(organisation) as mine:
        if trusted and mine.public_name != shown:
            raise Refusal(_("The organisation has changed its name in public. Read it again."))
        mine.trusted_at = timezone.now() if trusted else None
        mine.save(update_fields=["trusted_at"])
        organisation_audit(organisation=mine, action="trust", after=str(trusted), actor=actor)


def demo_organisation_make(*, name: str, region: Region) -> None:
    """Make the demo's organisation, whose mayor and office are asked about every alert in a region, one by one."""
    if memberships_of(email=VILLAGE_ADDRESS).exists():
        return
    mayor = organisation_found(email=VILLAGE_ADDRESS, name=name)
    own = mayor.organisation
    office = Membership.objects.create(organisation=own, email=OFFICE_ADDRESS, confirmed_at=timezone.now())
    own.memberships.update(wants_mails=False)  # The mayor has a subscription already.
    wish: dict[str, Any] = {"kinds": sorted(KIND_LABELS), "lowest_severity": SEVERITIES[0], "unreviewed": True}
    shared_add(organisation=own, region=region, frequency=Subscription.Frequency.AT_ONCE, **wish)
    for member in (mayor, office):
        contact_add(organisation=own, who=f"member-{member.pk}", hours=str(MAX_HOURS))
    asking_set(organisation=own, severity=SEVERITIES[0], public_name=name)
    own.refresh_from_db()
    organisation_trust(organisation=own, trusted=True, actor="demo", shown=own.public_name)
