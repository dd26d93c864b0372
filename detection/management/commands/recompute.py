"""manage.py recompute CODE: find an alert again from its stored files, weights and thresholds, and compare."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.alerts.recompute import LEAST_IOU, Outcome, Recomputation, Recomputer
from detection.models import Alert
from detection.selectors import PUBLIC_STATES, alert_by_code
from ml.repetition import run_again

EXIT_CODES = {Outcome.SAME: 0, Outcome.DIFFERENT: 1, Outcome.IMPOSSIBLE: 2}


class Command(BaseCommand):
    help = (
        "Do the runs of an alert again and compare: exit code 0 the same (outlines agree, figures within rounding), "
        "1 different, 2 not possible any more. Of several alerts, 1 goes before 2. Nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("codes", nargs="*", metavar="CODE")
        parser.add_argument("--random", type=int, metavar="N", help="so many public alerts, drawn at random")
        parser.add_argument("--json", action="store_true", help="one line of JSON for each alert")

    def handle(self, *args, **options) -> None:
        alerts = [self._alert(code) for code in options["codes"]]
        if options["random"]:
            alerts += Alert.objects.filter(state__in=PUBLIC_STATES).order_by("?")[: options["random"]]
        if not alerts:
            raise CommandError("name an alert by its code, or draw some with --random", returncode=2)
        recomputer, outcomes = Recomputer(lambda run: run_again(run=run)), set()
        for alert in alerts:
            done = recomputer.recompute(alert)
            outcomes.add(done.outcome)
            self.stdout.write(json.dumps(_as_dict(alert, done)) if options["json"] else "\n".join(_lines(alert, done)))
        worst = min(outcomes - {Outcome.SAME}, key=EXIT_CODES.__getitem__, default=Outcome.SAME)
        if worst is not Outcome.SAME:
            raise SystemExit(EXIT_CODES[worst])

    def _alert(self, code: str) -> Alert:
        try:
            return alert_by_code(code=code)
        except Alert.DoesNotExist as fault:
            raise CommandError(f"there is no alert {code}", returncode=2) from fault


def _as_dict(alert: Alert, done: Recomputation) -> dict[str, Any]:
    return {"alert": alert.code} | done._asdict() | {"differences": [one._asdict() for one in done.differences]}


def _lines(alert: Alert, done: Recomputation) -> list[str]:
    agreement = "" if done.iou is None else f", the outlines agree by {done.iou:.4f} (IoU; the same from {LEAST_IOU})"
    lines = [f"{alert.code} {alert.kind}: {done.outcome}{agreement}"]
    for run in done.runs:
        weights = f", weights {run['weights_sha256'][:12]}" if run["weights_sha256"] else ""
        lines.append(
            f"  run {run['run']}: {run['method']} on {run['input']}, input {run['input_sha256'][:12]}{weights}"
        )
    lines += [f"  missing: {reason}" for reason in done.missing]
    lines += [f"  {one.name}: stored {one.stored}, now {one.recomputed}" for one in done.differences]
    return lines + [f"  note: {note}" for note in done.notes]
