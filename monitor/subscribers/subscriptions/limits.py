"""Daily limits of messages. Counts per mailbox, domain and network are kept for a day, under keyed hashes."""

from ipaddress import ip_network

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from monitor.models.operations import RequestCount
from monitor.models.subscriptions import Organisation
from monitor.subscribers.quotas.known import is_known
from monitor.subscribers.quotas.services import domain_of, mailbox_of
from monitor.web.request_limits import WIDE_NETWORK_BITS

# Mailboxes of these domains belong to different people.
PUBLIC_DOMAINS = {
    "gmail.com",
    "outlook.com",
    "hotmail.com",
    "live.com",
    "yahoo.com",
    "icloud.com",
    "proton.me",
    "gmx.net",
}
WIDE_NETWORK_SHARE = 0.1  # Share of all mails of a day for one wide network, whose owner may have many networks.
MAILBOXES_OF_NETWORK = 3  # A network of founders may do as much in a day as this number of mailboxes.


def allowed_for_address(*, email: str) -> bool:
    """Count one mail to this mailbox and its domain. Return False if either has reached its daily limit.

    For a known address only the mailbox counts: strangers could use up the domain's mails.
    """
    mailbox, domain = mailbox_of(email), domain_of(email)
    if not _count(f"address {mailbox}", settings.MAIL_LIMIT_PER_ADDRESS):
        return False
    if domain in PUBLIC_DOMAINS or is_known(email=email):
        return True
    return _count(f"domain {domain}", settings.MAIL_LIMIT_PER_DOMAIN)


def allowed_for_connection(*, ip: str) -> bool:
    """Count a request by this address and by all together. Return False if either has reached its daily limit."""
    # Requests of one connection that are over its limit do not count for the others.
    if not _count(f"connection {ip}", settings.MAIL_LIMIT_PER_IP):
        return False
    overall = settings.MAIL_LIMIT_OVERALL
    if ":" in ip:
        wide = ip_network(ip).supernet(new_prefix=WIDE_NETWORK_BITS)
        if not _count(f"wide network {wide}", int(overall * WIDE_NETWORK_SHARE)):
            return False
    return _count("all", overall)


def allowed_for_endpoints(*, email: str, organisation: Organisation | None = None) -> bool:
    """Count one message of a person or an organisation to an endpoint. Return False if they reached the daily limit."""
    most = settings.ENDPOINT_LIMIT_PER_PERSON
    if organisation:
        return allowed_for_organisation(organisation=organisation, most=most, what="endpoints")
    return _count(f"endpoints {mailbox_of(email)}", most)


def allowed_for_organisation(*, organisation: Organisation, most: int, what: str = "invitations") -> bool:
    """Count one invitation, or `what` else, by an organisation. Return False if it has reached its daily limit.

    Those that are not trusted share the limits of the mailbox that answers for them and of the network that they were
    founded from: dissolving one and founding another resets nothing.
    """
    if organisation.trusted_at or not organisation.mailbox:
        return _count(f"{what} of organisation {organisation.pk}", most)
    by_mailbox = _count(f"{what} of {organisation.mailbox}", most)
    network = organisation.network
    return by_mailbox and (not network or _count(f"{what} of {network}", most * MAILBOXES_OF_NETWORK))


def _count(who: str, limit: int) -> bool:
    key = salted_hmac("monitor.limits", who, algorithm="sha256").hexdigest()
    row, _ = RequestCount.objects.get_or_create(who=key, day=timezone.now().date())
    return RequestCount.objects.filter(pk=row.pk, n_requests__lt=limit).update(n_requests=F("n_requests") + 1) == 1
