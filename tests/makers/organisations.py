"""Organisations for tests: joined by their services, without mails in between."""

from detection.kinds import KIND_LABELS
from monitor.models.subscriptions import Membership, Subscription
from monitor.subscribers.organisations import services
from monitor.wording import regions

WISH = {"kinds": sorted(KIND_LABELS), "lowest_severity": "minor", "unreviewed": True}
WISH |= {"updates": True, "least_exposure": 0, "frequency": "at-once"}


# the form of a subscription, as a browser posts it
FORM = {"where": "circle", "latitude": "47", "longitude": "-12", "distance": "2000", "kinds": ["subsidence"]}
FORM |= {"lowest_severity": "minor", "frequency": "at-once"}


def make_organisation(owner: str, *emails: str, name: str = "Aldwick Waterworks") -> list[Membership]:
    """The owner, who needs a confirmed subscription, and members who have joined."""
    first = services.organisation_found(email=owner, name=name)
    return [first, *(make_member(first, email) for email in emails)]


def make_member(owner: Membership, email: str) -> Membership:
    invited = Membership.objects.create(organisation=owner.organisation, email=email, invited_by=owner)
    services.invitation_accept(membership=invited)
    invited.refresh_from_db()
    return invited


def share(owner: Membership, longitude: float = -12.0, **wish: object) -> Subscription:
    """Within 5 km of the made alert, unless it is elsewhere."""
    region = regions.circle(longitude, 47.0, 5000)
    return services.shared_add(organisation=owner.organisation, region=region, **(WISH | wish))
