"""How many mails may be requested in a day. Addresses and connections are counted as keyed hashes, for a day."""

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from monitor.models import RequestCount
from monitor.site.visitors import visitor_address


def allowed_for_address(*, email: str) -> bool:
    """Count one mail to this address; False where it has had its share today."""
    return _count(f"address {email}", settings.MAIL_LIMIT_PER_ADDRESS)


def allowed_for_connection(*, ip: str) -> bool:
    """Count one request from this connection and in all; False where either is used up."""
    return _count(f"connection {ip}", settings.MAIL_LIMIT_PER_IP) and _count("all", settings.MAIL_LIMIT_OVERALL)


def client_ip(*, remote_address: str, forwarded_for: str) -> str:
    """Whose request it is. Of an IPv6 address only the network counts: whoever has one has all of its addresses."""
    visitor = visitor_address(remote_address=remote_address, forwarded_for=forwarded_for)
    try:
        version = ip_address(visitor).version
    except ValueError:
        return visitor
    return str(ip_network(f"{visitor}/64", strict=False)) if version == 6 else visitor


def counts_forget() -> int:
    """Delete the counts of days gone by."""
    return RequestCount.objects.filter(day__lt=timezone.now().date()).delete()[0]


def _count(who: str, limit: int) -> bool:
    key = salted_hmac("monitor.limits", who, algorithm="sha256").hexdigest()
    row, _ = RequestCount.objects.get_or_create(who=key, day=timezone.now().date())
    return RequestCount.objects.filter(pk=row.pk, n_requests__lt=limit).update(n_requests=F("n_requests") + 1) == 1
