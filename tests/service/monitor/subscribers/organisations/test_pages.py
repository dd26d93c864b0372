"""Pages of organisations: an owner, a member, a stranger."""

import pytest
from django.core import mail
from django.urls import reverse
from django.utils import timezone

from monitor import tasks
from monitor.models.messages import Endpoint, OutgoingMessage
from monitor.models.subscriptions import Membership, Organisation, Subscription
from monitor.notifications import rounds
from monitor.subscribers.organisations import services
from monitor.subscribers.subscriptions import endpoints, tokens
from monitor.subscribers.subscriptions import services as subscriptions
from monitor.web.secret_links import Wrong
from tests.makers.organisations import WISH, share

pytestmark = pytest.mark.django_db
OWNER, ANNA, BEN = "owner@example.org", "anna@example.org", "ben@example.org"
PLACE = WISH | {"where": "circle", "latitude": "47.0", "longitude": "-12.0", "distance": "800"}


def address(mine: Membership, name: str = "organisation", *more: object) -> str:
    return reverse(name, args=[tokens.member_token(mine.pk), mine.organisation_id, *more])


def test_members_see_the_owners_address_and_no_other(three, client):
    owner, anna, _ben = three
    share(owner)
    page = client.get(address(anna)).content.decode()
    assert OWNER in page
    assert BEN not in page
    assert "3 members" in page
    seen = client.get(address(owner)).content.decode()
    assert ANNA in seen
    assert BEN in seen
    listed = client.get(reverse("subscription-manage", args=[tokens.member_token(anna.pk)])).content.decode()
    assert "Aldwick Waterworks" in listed
    assert "weekly" not in listed.lower()
    assert OWNER not in listed


@pytest.mark.parametrize("deed", ["invite", "remove", "share", "end", "rename", "dissolve"])
def test_what_owners_do_is_not_for_members(three, client, deed):
    owner, anna, ben = three
    place = share(owner)
    about = place.pk if deed == "end" else ben.pk
    answer = client.post(address(anna), {"deed": deed, "about": about, "email": "x@example.org", "name": "Ours"})
    assert answer.status_code == 403
    assert Membership.objects.filter(left_at=None, role="member").count() == 2
    assert owner.organisation.subscriptions.filter(ended_at=None).count() == 1


def test_a_stranger_with_a_link_of_their_own_gets_nowhere(three, client, make_subscription):
    owner, *_ = three
    place = share(owner)
    token = tokens.manage_token(make_subscription("stranger@example.org").pk)
    for name, more in (
        ("organisation", ()),
        ("organisation-add", ()),
        ("organisation-place", (place.pk,)),
        ("organisation-export", ()),
        ("organisation-ways", ()),
    ):
        path = reverse(name, args=[token, owner.organisation_id, *more])
        assert client.get(path).status_code == 410
        assert client.post(path, {"deed": "dissolve"}).status_code in (405, 410)
    assert Organisation.objects.exists()
    seat = place.seats.get(email=ANNA)
    where = reverse("subscription-where", args=[tokens.manage_token(seat.pk), seat.pk])
    assert client.get(where).status_code == 410
    with pytest.raises(Wrong):
        tokens.read_join(token)


def test_a_member_leaves_in_one_click_and_an_owner_removes_another(three, client):
    owner, anna, ben = three
    place = share(owner)
    assert client.post(address(anna), {"deed": "leave"}).status_code == 302
    assert client.get(address(anna)).status_code == 410
    client.post(address(owner), {"deed": "remove", "about": ben.pk})
    client.post(address(owner), {"deed": "remove", "about": owner.pk})
    assert [one.email for one in place.seats.filter(ended_at=None)] == [OWNER]
    client.post(address(owner), {"deed": "dissolve"})
    assert not Organisation.objects.exists()


def test_a_member_gets_a_link_to_what_is_held_and_an_invitation_is_declined_by_its_page(three, client):
    services.member_invite(owner=three[0], email="carla@example.org")
    asked = Membership.objects.get(email="carla@example.org")
    path = reverse("organisation-join", args=[tokens.join_token(asked.pk)])
    assert "You declined" in client.post(path, {"deed": "decline"}).content.decode()
    assert client.get(path).status_code == 410
    assert not Subscription.objects.filter(email="carla@example.org").exists()
    subscriptions.link_request(email=ANNA)
    rounds.messages_send()
    letter = mail.outbox[-1]
    link = next(word for word in letter.body.split() if "/subscriptions/" in word).removeprefix("http://localhost:8000")
    assert ANNA in client.get(link).content.decode()
    client.post(link, {"deed": "delete"})
    assert not Membership.objects.filter(email=ANNA).exists()


def test_webhooks_of_an_organisation_stay_when_the_owner_who_added_them_goes(three, client, make_alert):
    owner, anna, _ben = three
    share(owner)
    ways = address(owner, "organisation-ways")
    assert client.post(ways, {"channel": "webhook", "deed": "add", "url": "ftp://example.org"}).status_code == 422
    wish = {"channel": "webhook", "deed": "add", "url": "https://93.184.216.34/hook"}
    assert "whsec_" in client.post(ways, wish).content.decode()
    hook = Endpoint.objects.get()
    assert (hook.email, hook.organisation_id) == ("", owner.organisation_id)
    own = reverse("subscription-ways", args=[tokens.member_token(owner.pk)])
    client.post(own, {"deed": "remove", "endpoint": hook.pk})  # of a person: another form, another owner
    assert "93.184.216.34" not in client.get(own).content.decode()
    services.ownership_share(organisation=owner.organisation, pk=anna.pk)
    subscriptions.person_delete(email=OWNER)
    Endpoint.objects.update(verified_at=timezone.now())
    for one in (anna, *Membership.objects.filter(email=BEN)):
        services.mails_set(membership=one, wanted=False)
    subscriptions.purge()

    alert = make_alert()
    tasks.announce_transitions()
    (message,) = OutgoingMessage.objects.filter(kind="alert")
    assert (message.endpoint, message.address) == (hook, "")
    assert endpoints.labels_of(message) == ["5 km around 47.00° N 12.00° W"]
    assert endpoints.is_still_needed(message=message, endpoint=message.endpoint)
    assert alert.code in client.get(address(anna, "organisation-ways")).content.decode()
    exported = client.get(address(anna, "organisation-export")).json()
    assert [one["url"] for one in exported["endpoints"]] == ["https://93.184.216.34/hook"]

    endpoints.endpoint_failed(endpoint=hook, gone=True, retry_after=None)
    (letter,) = OutgoingMessage.objects.filter(kind="ended")
    assert letter.address == ANNA
    services.organisation_dissolve(organisation=owner.organisation)
    assert not Endpoint.objects.exists()
    assert not OutgoingMessage.objects.filter(endpoint__isnull=False).exists()
