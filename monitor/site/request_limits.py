"""How many requests one address may make in a minute: a fixed window, counted in the cache, for each part of the site.

Pages, tiles and images of the map have no such limit: fifty people behind one address may pan at once.
"""

import time

from django.conf import settings
from django.core.cache import cache
from django.utils.crypto import salted_hmac

from monitor.site.visitors import visitor_network

WINDOW_SECONDS = 60
# what is computed for programs or anew for every question; the same word shares a count
LIMITED = {
    "/api/": "api",
    "/ogc/": "ogc",
    "/stac/": "stac",
    "/tilejson/": "api",
    "/cap": "feeds",
    "/alerts.geojson": "feeds",
    "/alerts.atom": "feeds",
    "/feeds/": "feeds",
    "/places": "search",
    "/workbench/": "workbench",
    "/rasters/": "rasters",
    "/charts/": "charts",
}


def seconds_to_wait(*, path: str, remote_address: str, forwarded_for: str) -> int:
    """Count one request; 0, or how long its sender must wait because the limit is used up."""
    part = next((part for prefix, part in LIMITED.items() if path.startswith(prefix)), None)
    if part is None or not settings.REQUESTS_PER_MINUTE:
        return 0
    window, spent = divmod(int(time.time()), WINDOW_SECONDS)
    visitor = visitor_network(remote_address=remote_address, forwarded_for=forwarded_for)
    key = salted_hmac("monitor.request_limits", f"{part} {visitor} {window}", algorithm="sha256").hexdigest()
    cache.add(key, 0, timeout=WINDOW_SECONDS)
    try:
        count = cache.incr(key)
    except ValueError:  # the cache is away, or the window has just ended
        return 0
    return WINDOW_SECONDS - spent if count > settings.REQUESTS_PER_MINUTE else 0
