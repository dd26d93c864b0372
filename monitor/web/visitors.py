"""Who asks, also behind proxies of ours: for the throttle of logins, the limits of mails and of requests alike."""

from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings


def visitor_address(*, remote_address: str, forwarded_for: str) -> str:
    """Behind n proxies of ours, the n-th address from the right in X-Forwarded-For; others can be made up."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    trusted = settings.PROXIES
    return hops[-trusted] if trusted and len(hops) >= trusted else remote_address


def visitor_network(*, remote_address: str, forwarded_for: str) -> str:
    """Whose request it is. Of an IPv6 address only the network counts: whoever has one has all of its addresses."""
    visitor = visitor_address(remote_address=remote_address, forwarded_for=forwarded_for)
    try:
        address = ip_address(visitor)
    except ValueError:
        return visitor
    if not isinstance(address, IPv6Address):
        return visitor
    if address.ipv4_mapped:  # a server that listens on both hears of IPv4 like this
        return str(address.ipv4_mapped)
    return str(ip_network(f"{address}/64", strict=False))
