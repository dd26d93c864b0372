"""Who asks, also behind proxies of ours: for the throttle of logins and the limits of mails alike."""

from django.conf import settings


def visitor_address(*, remote_address: str, forwarded_for: str) -> str:
    """Behind n proxies of ours, the n-th address from the right in X-Forwarded-For; others can be made up."""
    hops = [hop.strip() for hop in forwarded_for.split(",") if hop.strip()]
    trusted = settings.PROXIES
    return hops[-trusted] if trusted and len(hops) >= trusted else remote_address
