"""Steps from one state of an alert to another: the only place that changes a state."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from detection.alerts import life
from detection.models import Alert, AlertTransition
from detection.rules.lifecycle import State, may_become
from detection.rules.updates import Change
from ml.models import Run


def alert_transition(
    *,
    alert: Alert,
    to: State,
    reason: str,
    actor: str = "automatic",
    changed: Sequence[Change] = (),
    run: Run | None = None,
) -> AlertTransition:
    """Change an alert's state and write down why. ValueError for a change that is not allowed.

    changed: what is new in its figures beside; run: that showed it.
    """
    current = State(alert.state)
    if not may_become(current, to):
        raise ValueError(f"an alert that is {current} cannot become {to}")
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, state=current).update(state=to, updated_at=timezone.now()):
            raise ValueError(f"alert {alert.code} was changed by somebody else; look at it again")
        return life.step(alert, to, reason, actor, changed, run.pk if run else None)
