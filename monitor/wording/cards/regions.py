"""Which alerts touch an administrative region: worked out once, and kept until an alert changes."""

import hashlib

from django.core.cache import cache
from django.db.models import Count, Max

from detection.lists import alerts_within
from detection.models import Alert
from ingest.models import AdministrativeRegion

KEPT_S = 24 * 3600


def alerts_touching(region: AdministrativeRegion) -> list[int]:
    """Return the rows of the alerts that touch a region, of every state, kept until an alert changes.

    Borders have many corners: the database reads its own, and none is sent to it.
    """
    known = Alert.objects.aggregate(n=Count("pk"), newest=Max("pk"), last=Max("updated_at"))
    parts = f"{region.pk} {region.layer.file_sha256} {sorted(known.items())}"
    key = f"alerts-touching-{hashlib.sha256(parts.encode()).hexdigest()}"
    rows: list[int] | None = cache.get(key)
    if rows is None:
        outline = AdministrativeRegion.objects.filter(pk=region.pk).values("outline")
        rows = list(alerts_within(area=outline).values_list("pk", flat=True))
        cache.set(key, rows, KEPT_S)
    return rows
