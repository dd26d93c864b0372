"""manage.py recompute CODE: find an alert again from its stored files, weights and thresholds, and compare."""

import json
import random
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from detection.alerts.recompute import MIN_IOU, Outcome, Recomputation, Recomputer
from detection.kinds import family
from detection.models import Alert
from detection.selectors import PUBLIC_STATES, alert_by_code
from ml.runs.repetition import run_again

EXIT_CODES = {Outcome.SAME: 0, Outcome.DIFFERENT: 1, Outcome.IMPOSSIBLE: 2}
ROW = "{:<5} {:<9} {:<24} {:>7}  {:<34} {}"
MAX_NAMED = 2  # A row of the table names at most this many figures.


class Command(BaseCommand):
    """Command recompute."""

    help = (
        "Do the runs of an alert again and compare: exit code 0 the same (outlines agree, figures within rounding), "
        "1 different, 2 not possible any more. Of several alerts, 1 goes before 2. Nothing is written."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the arguments."""
        parser.add_argument("codes", nargs="*", metavar="CODE")
        parser.add_argument("--random", type=int, metavar="N", help="a table of so many random public alerts")
        parser.add_argument("--seed", type=int, default=0, help="seed of the random choice")
        parser.add_argument("--json", action="store_true", help="one line of JSON for each alert")

    def handle(self, *args: Any, **options: Any) -> None:
        """Recompute the alerts and print the outcome of each."""
        alerts = [self._alert(code) for code in options["codes"]]
        if options["random"]:
            alerts += draw_sample(options["random"], options["seed"])
        if not alerts:
            raise CommandError("name an alert by its code, or choose some with --random", returncode=2)
        as_table = bool(options["random"]) and not options["json"]
        if as_table:
            self.stdout.write(ROW.format("code", "family", "kind", "IoU", "figures that differ", "verdict"))
        recomputer, done = Recomputer(lambda run: run_again(run=run)), []
        for alert in alerts:
            done.append(recomputer.recompute(alert))
            show = _json if options["json"] else _row if as_table else _text
            self.stdout.write(show(alert, done[-1]))
        if as_table:
            counted = Counter(recomputation.verdict for recomputation in done).most_common()
            self.stdout.write(f"{len(done)} alerts: {', '.join(f'{n} {verdict}' for verdict, n in counted)}")
        outcomes = {recomputation.outcome for recomputation in done} - {Outcome.SAME}
        if outcomes:
            raise SystemExit(min(EXIT_CODES[outcome] for outcome in outcomes))

    def _alert(self, code: str) -> Alert:
        try:
            return alert_by_code(code=code)
        except Alert.DoesNotExist as fault:
            raise CommandError(f"there is no alert {code}", returncode=2) from fault


def draw_sample(n: int, seed: int) -> list[Alert]:
    """Return a random sample of public alerts, the same for the same seed."""
    alerts = list(Alert.objects.filter(state__in=PUBLIC_STATES).order_by("id"))
    return random.Random(seed).sample(alerts, min(n, len(alerts)))  # noqa: S311 - no secret


def _row(alert: Alert, done: Recomputation) -> str:
    differing = [f"{difference.name} {difference.stored} → {difference.recomputed}" for difference in done.differences]
    more = f" and {len(differing) - MAX_NAMED} more" if len(differing) > MAX_NAMED else ""
    figures = "–" if done.missing else "; ".join(differing[:MAX_NAMED]) + more or "none"
    iou = "–" if done.iou is None else f"{done.iou:.4f}"
    return ROW.format(alert.code, family(alert.kind), alert.kind, iou, figures, done.verdict)


def _json(alert: Alert, done: Recomputation) -> str:
    differences = [difference._asdict() for difference in done.differences]
    rows = {"differences": differences, "missing": [gap.reason for gap in done.missing]}
    return json.dumps({"alert": alert.code, "verdict": done.verdict} | done._asdict() | rows)


def _text(alert: Alert, done: Recomputation) -> str:
    agreement = "" if done.iou is None else f", the outlines agree by {done.iou:.4f} (IoU; the same from {MIN_IOU})"
    lines = [f"{alert.code} {alert.kind}: {done.outcome}{agreement}"]
    for run in done.runs:
        weights = f", weights {run['weights_sha256'][:12]}" if run["weights_sha256"] else ""
        lines.append(
            f"  run {run['run']}: {run['method']} on {run['input']}, input {run['input_sha256'][:12]}{weights}"
        )
    lines += [f"  missing: {gap.reason}" for gap in done.missing]
    lines += [
        f"  {difference.name}: stored {difference.stored}, now {difference.recomputed}"
        for difference in done.differences
    ]
    return "\n".join(lines + [f"  note: {note}" for note in done.notes])
