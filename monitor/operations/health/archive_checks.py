"""Checks of the archives that images are fetched from: sign-in, the end of tokens, and waiting downloads."""

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from core.errors import one_line
from core.failures import Cause
from ingest.models import SceneDownload
from ingest.sources.configured import token_ends
from monitor.operations.health.condition import Wrong, condition
from monitor.wording.dates import duration_words

WARNING = timedelta(days=14)  # before a token ends
MAX_WAIT = timedelta(days=1)  # An archive may be away for hours; nobody need act then.


@condition(
    "image archive",
    "If it is the sign-in, correct EARTHDATA_TOKEN or STAC_TOKEN, or accept the data's terms with that account; else"
    " see whether this machine reaches the archive. Then restart every process: what waits is fetched by itself.",
)
def archive() -> str:
    """Check that the archive accepts the sign-in, that no token ends soon, and that downloads do not wait for days."""
    if not settings.ACQUIRE_SOURCE:
        return "none (ACQUIRE_SOURCE)"
    now = timezone.now()
    waiting = SceneDownload.objects.filter(state=SceneDownload.State.WANTED).exclude(error="").order_by("-started_at")
    if refused := waiting.filter(cause=Cause.SIGN_IN).first():
        raise Wrong(one_line(f"images wait, because the archive does not accept the sign-in: {refused.error}"))
    for name, end in token_ends().items():
        _check_end(name, end, now)
    if late := waiting.filter(created_at__lt=now - MAX_WAIT).first():
        age = duration_words((now - late.created_at).total_seconds())
        raise Wrong(one_line(f"{late.scene_id} has waited for {age}; the last reason: {late.error}"))
    return f"{settings.ACQUIRE_SOURCE}: nothing waits for it"


def _check_end(name: str, end: datetime, now: datetime) -> None:
    """Raise Wrong if a token has ended or will end soon."""
    if end <= now:
        raise Wrong(f"the token of {name} ended on {end:%Y-%m-%d}: nothing is fetched")
    if end < now + WARNING:
        raise Wrong(f"the token of {name} ends on {end:%Y-%m-%d}: make a new one in time")
