"""python -m lab.speed.days.driver DAYS OUT: live through the days and write what was measured."""

import json
import os
import sys
import time
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import django
import numpy as np

django.setup()

from django.conf import settings  # noqa: E402 (the applications must be there first)
from django.contrib.sessions.models import Session  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from detection.models import Alert, Detection  # noqa: E402
from detection.selectors import predictions_unscanned  # noqa: E402
from ingest.models import IngestJob, Product, Scene  # noqa: E402
from ingest.products.releases import release_changes_due  # noqa: E402
from lab.simulation.region_files import write_region  # noqa: E402
from lab.speed.days import people, processes  # noqa: E402
from ml.models import Prediction, Run  # noqa: E402
from ml.selectors import inputs_due, runs_unfinished  # noqa: E402
from ml.simulation.files.scenes import write_series  # noqa: E402
from ml.simulation.ground.scatter import Density  # noqa: E402
from ml.simulation.sar.scenes import SceneConfig, simulate_scenes  # noqa: E402
from ml.simulation.velocity.region import RegionConfig, simulate_region  # noqa: E402
from monitor.channels.mail.letters import message_id  # noqa: E402
from monitor.channels.selectors import messages_due, notifications_waiting, transitions_unannounced  # noqa: E402
from monitor.models import Notification, OutgoingMessage, Subscription  # noqa: E402

IMAGE_EVERY, RELEASE_EVERY = 6, 20  # days
MOST_ROUNDS = 60
WARM_UP = 60  # days until the oldest result is over
TABLES = {
    "products": Product,
    "images": Scene,
    "results": Prediction,
    "runs": Run,
    "alerts": Alert,
    "detections": Detection,
    "messages": OutgoingMessage,
    "notifications": Notification,
    "sessions": Session,
}


def main(days: int, out: Path) -> None:
    clock = Path(os.environ["BENCH_CLOCK"])
    clock.write_text("0")
    inbox = Path(settings.WATCH_FOLDER)
    inbox.mkdir()
    supply = Supply(days, clock.parent / "supply")
    lived: list[dict[str, Any]] = []
    confirmed: set[str] = set()
    sent: set[str] = set()
    with people.mail_server() as mailbox, processes.service() as running:
        people.the_site_answers()
        for day in range(days):
            clock.write_text(str(day))
            started = time.monotonic()
            supply.give(day, inbox)
            if day % 5 == 1:
                people.somebody_subscribes(day)
            if day % 3 == 2:
                people.an_alert_is_reviewed(day)
            if day % 4 == 3:
                people.a_verdict_is_taken_back()
            rounds = work_is_done(inbox)
            people.letters_are_confirmed(mailbox, confirmed)
            if day % 9 == 8:
                people.the_oldest_reader_leaves(mailbox)
            visits = people.visitors_look_around()
            keys = OutgoingMessage.objects.filter(state=OutgoingMessage.State.SENT).values_list("key", flat=True)
            sent |= {message_id(key) for key in keys}
            processes.send(prune=True)
            lived.append(measured(running) | {"visits": visits, "rounds": rounds})
            lived[-1] |= {"mails": len(mailbox.mails), "seconds": round(time.monotonic() - started, 1)}
            sys.stderr.write(f"day {day}: {json.dumps(lived[-1])}\n")
        wrong = whats_wrong(mailbox, sent)
    if wrong:
        raise RuntimeError("; ".join(wrong))
    out.write_text(json.dumps({"days": columns(lived), "results": results(lived, len(sent))}))


class Supply:
    """Files as a national service would get them: an image every six days, a release of two tracks every twenty."""

    def __init__(self, days: int, folder: Path) -> None:
        region = simulate_region(7, RegionConfig(density=Density(800.0, 500.0, 10.0), date_count=40))
        at = timezone.now().replace(hour=5, minute=40, second=0, microsecond=0)
        config = SceneConfig(
            pixels=128,
            first_date=at,
            repeat_days=IMAGE_EVERY,
            dates=days // IMAGE_EVERY + 1,
        )
        self.images = write_series(simulate_scenes(region, config), folder / "images")
        self.tracks = [path for path in write_region(region, folder / "tracks") if path.suffix == ".zip"]

    def give(self, day: int, inbox: Path) -> None:
        if day % IMAGE_EVERY == 0:
            image = self.images[day // IMAGE_EVERY]
            image.rename(inbox / image.name)
        if day % RELEASE_EVERY == 1:
            for track in self.tracks:
                self._release(track, day // RELEASE_EVERY, inbox)

    def _release(self, track: Path, number: int, inbox: Path) -> None:
        """The same points under the name of a later release; the file differs by a comment."""
        *parts, first, last, version = track.stem.split("_")
        name = "_".join([*parts, str(int(first) + number), str(int(last) + number), version])
        unfinished = inbox / f"{name}.zip.part"
        with zipfile.ZipFile(track) as source, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as copy:
            for member in source.namelist():
                copy.writestr(member.replace(track.stem, name), source.read(member))
            copy.comment = name.encode()
        unfinished.rename(inbox / f"{name}.zip")


def work_is_done(inbox: Path) -> int:
    """Send what is due again and again until nothing is left; in how many rounds. RuntimeError where that never is."""
    for rounds in range(1, MOST_ROUNDS + 1):
        processes.send()
        left = unfinished(inbox)
        if not any(left.values()):
            return rounds
    raise processes.Stuck(f"not done after {MOST_ROUNDS} rounds: {left}")


def unfinished(inbox: Path) -> dict[str, int]:
    connection.close()  # what a day has done is seen by the next query, and no transaction stays open
    jobs = IngestJob.objects.filter(state__in=IngestJob.UNSETTLED)
    due = [inputs_due(task=task, method=method) for task, method in settings.SCHEDULED_METHODS.items()]
    at_once = Subscription.Frequency.AT_ONCE
    return {
        "files": sum(path.is_file() and not path.name.startswith(".") for path in inbox.iterdir()),
        "jobs": jobs.count(),
        "inputs": sum(rows.count() for rows in due),
        "runs": runs_unfinished().count(),
        "searches": predictions_unscanned().count(),
        "releases": release_changes_due().count(),
        "transitions": transitions_unannounced().count(),
        "messages": messages_due(now=timezone.now()).count(),
        "news": notifications_waiting().filter(subscription__frequency=at_once).count(),
    }


def measured(running: dict[str, Any]) -> dict[str, Any]:
    """What the processes, the database and the storage take at the end of a day, and the oldest unfinished thing."""
    pinned = Prediction.objects.filter(scan__detections__isnull=False).distinct()
    rasters = [path.stat().st_size for path in Path(settings.STORAGES["rasters"]["OPTIONS"]["location"]).iterdir()]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        (database,) = cursor.fetchone()
    taken = {name: processes.usage(process) for name, process in running.items()}
    evidence = sum(one.raster.size for one in pinned)
    workers = taken["worker"], taken["mail-worker"]
    return {
        "web_memory_mb": taken["web"].memory_mb,
        "web_open_files": taken["web"].open_files,
        "worker_memory_mb": round(sum(one.memory_mb for one in workers), 1),
        "worker_open_files": sum(one.open_files for one in workers),
        "database_mb": round(database / 1e6, 2),
        "rasters_mb": round(sum(rasters) / 1e6, 2),
        "evidence_mb": round(evidence / 1e6, 2),
        "oldest_waiting_days": round(oldest_waiting(timezone.now()) / timedelta(days=1), 2),
        **{name: model.objects.count() for name, model in TABLES.items()},
    }


def oldest_waiting(now: datetime) -> timedelta:
    """Age of the oldest run, file or message that is not done; digests wait for their time and do not count."""
    rows = (
        Run.objects.filter(state__in=Run.UNSETTLED),
        IngestJob.objects.filter(state__in=IngestJob.UNSETTLED),
        OutgoingMessage.objects.filter(state__in=["queued", "sending"]),
    )
    made = [at for row in rows if (at := row.order_by("created_at").values_list("created_at", flat=True).first())]
    return now - min(made, default=now)


def whats_wrong(mailbox: people.Mailbox, sent: set[str]) -> list[str]:
    """Everything that a hundred days should not have left."""
    came, wrong = mailbox.counted(), []
    doubled = [ident for ident, n in came.items() if n > 1]
    wrong += [f"{len(doubled)} mails came more than once"] if doubled else []
    wrong += [f"{len(sent - set(came))} sent mails never came"] if sent - set(came) else []
    wrong += [f"{len(set(came) - sent)} mails came that nobody sent"] if set(came) - sent else []
    for name, rows in {
        "runs failed": Run.objects.filter(state=Run.State.FAILED),
        "files failed": IngestJob.objects.filter(state__in=["failed", "rejected"]),
        "messages failed": OutgoingMessage.objects.filter(state="failed"),
    }.items():
        wrong += [f"{rows.count()} {name}: {rows[0].error}"] if rows else []
    return wrong


def columns(lived: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [day[name] for day in lived] for name in lived[0]}


def results(lived: list[dict[str, Any]], n_sent: int) -> list[dict[str, Any]]:
    """The level after the warm-up, and how much of it is gained or lost since then by the line through it."""
    half = lived[WARM_UP:] or lived[len(lived) // 2 :]
    rows = [
        _row(f"{len(lived)} days: {what}", np.array([value(day) for day in half]), unit)
        for what, value, unit in (
            ("memory of the web processes", lambda day: day["web_memory_mb"], "MB"),
            ("memory of the workers", lambda day: day["worker_memory_mb"], "MB"),
            ("open files", lambda day: day["web_open_files"] + day["worker_open_files"], "files"),
            ("database", lambda day: day["database_mb"], "MB"),
            ("rasters without the evidence of alerts", lambda day: day["rasters_mb"] - day["evidence_mb"], "MB"),
        )
    ]
    whole = {"control": None, "ratio": None, "n": len(lived), "low": None, "high": None}
    oldest = max(day["oldest_waiting_days"] for day in lived)
    rows.append({"what": "oldest unfinished work at the end of any day", "value": oldest, "unit": "days", **whole})
    rows.append({"what": "mails sent, each of which came exactly once", "value": n_sent, "unit": "mails", **whole})
    return rows


def _row(what: str, values: np.ndarray, unit: str) -> dict[str, Any]:
    """ratio: the end of the fitted line to its beginning."""
    slope, start = np.polyfit(np.arange(values.size), values, 1) if values.size > 1 else (0.0, values[0])
    ratio = (start + slope * values.size) / start if start else 1.0
    return {
        "what": what,
        "value": round(float(np.median(values)), 1),
        "unit": unit,
        "control": None,
        "ratio": round(float(ratio), 3),
        "n": int(values.size),
        "low": None,
        "high": None,
    }


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
