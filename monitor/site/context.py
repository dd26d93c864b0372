"""What every page needs to know."""

from django.conf import settings
from django.http import HttpRequest

from monitor.channels.mail import files
from monitor.map.selectors import site_facts


def site(request: HttpRequest) -> dict[str, object]:
    """Whether simulated data are shown, whom to thank, which basemap to draw, whether mails can be looked at."""
    return {
        **site_facts(),
        "basemap_style_url": settings.BASEMAP_STYLE_URL,
        "has_demo_mails": files.pages_exist(),
    }
