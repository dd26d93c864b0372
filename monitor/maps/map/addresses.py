"""Addresses that only a geocoder knows: asked by this server, not too often, and remembered for a day."""

import hashlib
import json
import logging
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from ingest.sources.client.faults import SourceError
from ingest.sources.client.geocoder import Found
from ingest.sources.configured import geocode

KEPT_SECONDS = 24 * 3600
REST_SECONDS = 60  # after a fault nobody waits for it again so soon
TURN, REST = "geocoder-turn", "geocoder-rest"
logger = logging.getLogger(__name__)


def geocoder_host() -> str:
    """Return the host of the geocoder; empty where none is set."""
    return urlsplit(settings.GEOCODER_URL).hostname or ""


def addresses_named(text: str, most: int) -> tuple[list[Found], str]:
    """Return what the geocoder has for a text, and a line: whom to thank, or why there is nothing."""
    language = (get_language() or "en").split("-")[0]
    asked = json.dumps([settings.GEOCODER_URL, language, most, text.casefold()])
    key = f"geocoder-{hashlib.sha256(asked.encode()).hexdigest()}"
    kept = cache.get(key)
    if kept is None:
        if cache.get(REST):
            return [], _("The search for addresses does not answer at the moment.")
        if settings.GEOCODER_SECONDS and not cache.add(TURN, 1, timeout=settings.GEOCODER_SECONDS):
            return [], _("Many are searching for addresses. Try again in a few seconds.")
        try:
            kept = geocode(text=text, language=language, most=most)
        except (SourceError, ImproperlyConfigured) as fault:
            logger.warning("no addresses: %s", fault)
            cache.set(REST, 1, timeout=REST_SECONDS)
            return [], _("The search for addresses does not answer at the moment.")
        cache.set(key, kept, timeout=KEPT_SECONDS)
    thanks = {"host": geocoder_host(), "attribution": settings.GEOCODER_ATTRIBUTION}
    if not kept:
        return [], _("Neither a place nor an address of this name was found. Asked: %(host)s.") % thanks
    return [Found(*one) for one in kept], _("Addresses: %(attribution)s, by %(host)s.") % thanks
