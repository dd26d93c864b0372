"""The secrets of a webhook: one that was replaced signs beside the new one for a day, so that none is refused."""

from datetime import datetime, timedelta

from django.utils import timezone

from monitor.models.messages import Endpoint
from monitor.notifications.webhook.signature import secret_new

BOTH_FOR = timedelta(days=1)


def secret_rotate(*, endpoint: Endpoint) -> str:
    """Make a new secret, to be shown once."""
    before, secret = endpoint.keys["secret"], secret_new()
    until = timezone.now() + BOTH_FOR
    endpoint.keys = {"secret": secret, "previous": before, "previous_until": until.isoformat()}
    endpoint.save(update_fields=["keys"])
    return secret


def secrets_of(*, endpoint: Endpoint) -> list[str]:
    """Return the secrets that sign now, the newest first."""
    keys = endpoint.keys
    until = datetime.fromisoformat(keys["previous_until"]) if "previous" in keys else None
    return [keys["secret"], *([keys["previous"]] if until and until > timezone.now() else [])]
