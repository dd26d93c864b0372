"""Whose quota something counts against: keyed hashes of mailboxes, organisations and networks, and nothing readable."""

from ipaddress import ip_network

from django.utils.crypto import salted_hmac

WIDE_NETWORK_BITS = 48  # of IPv6: what one customer of a provider is given at most


def mailbox_of(email: str) -> str:
    """Return the same name for all spellings of a mailbox, without +tag and dots; only to count by."""
    # Some providers deliver a.b@ and ab@ to two people: these two then share a limit.
    local = email.strip().lower().rpartition("@")[0]
    return f"{local.partition('+')[0].replace('.', '') or local}@{domain_of(email)}"


def domain_of(email: str) -> str:
    """Return the domain of an address; two names of one provider are one domain."""
    domain = email.strip().lower().rpartition("@")[2].rstrip(".")
    return "gmail.com" if domain == "googlemail.com" else domain


def mailbox_key(*, email: str) -> str:
    """Return the keyed hash of the mailbox of an address."""
    return _key(f"mailbox {mailbox_of(email)}")


def organisation_key(*, organisation: int) -> str:
    """Return the keyed hash of an organisation, which has a quota like that of a mailbox."""
    return _key(f"organisation {organisation}")


def network_key(*, ip: str) -> str:
    """Return the keyed hash of the network of a visitor: of IPv6 the widest that one customer has."""
    return _key(f"network {ip_network(ip).supernet(new_prefix=WIDE_NETWORK_BITS) if ':' in ip else ip}")


def _key(who: str) -> str:
    return salted_hmac("monitor.quotas", who, algorithm="sha256").hexdigest()
