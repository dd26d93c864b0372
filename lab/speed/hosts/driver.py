"""python -m lab.speed.hosts.driver alone|apart FOLDER ROUNDS OUT: what is done in each, and what was measured.

alone: everything on one machine, with rasters on its disk and Redis as the broker; gives what the runs made. apart: the centre, which starts the hosts.
"""

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import django
import numpy as np
import requests

django.setup()

from django.conf import settings  # noqa: E402 (the applications must be there first)
from django.core.management import call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.db.models import Count, QuerySet  # noqa: E402

from detection.models import Alert, AlertTransition, Detection  # noqa: E402
from detection.selectors import predictions_unscanned  # noqa: E402
from ingest.models import Scene, ScenePair  # noqa: E402
from ingest.storage import raster_entries, raster_storage, rasters_named, stored_tiff  # noqa: E402
from lab.speed.faults.processes import row  # noqa: E402
from lab.speed.hosts import centre, network  # noqa: E402
from lab.speed.hosts.host import Host  # noqa: E402
from lab.speed.measure import result  # noqa: E402
from ml.models import Prediction, Run  # noqa: E402
from ml.selectors import inputs_due, runs_unfinished  # noqa: E402
from monitor.celery import app  # noqa: E402
from monitor.database.replica import REPLICA  # noqa: E402
from monitor.database.roles import as_owner  # noqa: E402

LATEST_SECONDS = 3.0  # into a run, or two
OFF_SECONDS = 25.0  # that a host is away: longer than a living worker needs to prolong its lease
PATIENCE_SECONDS = 3600.0
QUEUES = ("ingest", "cpu")  # of a host
PAGES = 20  # asked of each host's site


class Made(NamedTuple):
    """results: of each run the hashes of its pixels and of its file; counts: what follows from all of them."""

    results: dict[str, list[str]]
    counts: dict[str, int]


def main(what: str, folder: Path, rounds: int, out: Path) -> None:
    out.write_text(json.dumps(alone(folder) if what == "alone" else apart(folder, rounds)))


def alone(folder: Path) -> Made:
    with centre.processes(folder, "beat", "mail-worker", "worker"):
        load(folder / "images")
        work()
        return made()


def apart(folder: Path, rounds: int) -> list[dict[str, Any]]:
    """Lines of the report. RuntimeError with what differs from the machine that was alone."""
    wanted = Made(*json.loads((folder / "alone.json").read_text()))
    with ExitStack() as stack:
        stack.enter_context(centre.servers())
        call_command("prepare")
        stack.enter_context(centre.processes(folder, "beat", "mail-worker"))
        load(folder / "images")
        hosts = [Host(name, core, folder / name, centre.settings_of_hosts()) for core, name in enumerate(network.HOSTS)]
        for host in hosts:
            stack.callback(host.end)
            host.start()
        wait_for_workers(hosts)
        nothing_is_shared(hosts, folder)
        work()  # both have loaded their networks then
        compare(wanted, "two hosts, first round")
        times: dict[int, list[float]] = {1: [], 2: []}
        for turn in range(rounds):
            for n in (1, 2) if turn % 2 else (2, 1):
                take_part(hosts[:n], hosts[n:])
                times[n].append(work())
                compare(wanted, f"{n} hosts")
        take_part(hosts, [])
        rows = [*lines(times, len(wanted.results), megapixels()), reading(hosts)]
        return [*rows, *killing(hosts, wanted, rounds)]


def load(images: Path) -> None:
    call_command("ingest", images, verbosity=0)
    if not ScenePair.objects.exists() or Scene.objects.exclude(state=Scene.State.READY).exists():
        raise RuntimeError(f"images are {list(Scene.objects.values_list('name', 'state', 'reason'))}")


def megapixels() -> float:
    """Of all pairs, once for each of their runs."""
    return sum(run.pair.rows * run.pair.cols for run in Run.objects.select_related("pair")) / 1e6


def work(meanwhile: Callable[[], object] = lambda: None) -> float:
    """Have everything computed anew; seconds until the last run has ended."""
    forget()
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        (started,) = cursor.fetchone()
    app.send_task("ml.tasks.queue_due_runs")
    meanwhile()
    wait_until(lambda: not any(unfinished().values()), lambda: f"not done: {unfinished()}")
    return float((max(Run.objects.values_list("finished_at", flat=True)) - started).total_seconds())


def unfinished() -> dict[str, int]:
    failed = Run.objects.filter(state__in=(Run.State.FAILED, Run.State.CANCELLED))
    if failed.exists():
        raise RuntimeError(f"runs ended without a result: {list(failed.values_list('pk', 'error'))}")
    due = [inputs_due(task=task, method=method).count() for task, method in settings.SCHEDULED_METHODS.items()]
    return {"inputs": sum(due), "runs": runs_unfinished().count(), "searches": predictions_unscanned().count()}


def forget() -> None:
    """Runs and all that followed from them."""
    names = list(Prediction.objects.values_list("raster", flat=True))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE ml_run, detection_alert CASCADE")
    for name in names:
        raster_storage().delete(name)


def made() -> Made:
    """What there is now. RuntimeError where a run has no result or several, or a raster is not what its row says."""
    results: dict[str, list[str]] = {}
    for one in Prediction.objects.select_related("run__model_version", "run__pair__reference", "run__pair__secondary"):
        key = f"{one.run.model_version.task} {one.run.pair.reference.name} {one.run.pair.secondary.name}"
        with one.raster.storage.open(one.raster.name) as stream:
            file = hashlib.file_digest(stream, "sha256").hexdigest()
        with stored_tiff(one.raster) as raster:
            pixels = hashlib.sha256(repr((raster.descriptions, raster.transform)).encode() + raster.read().tobytes())
        if file != one.raster_sha256 or key in results:
            raise RuntimeError(f"{key}: its raster is not what its row says, or it was made twice")
        results[key] = [pixels.hexdigest(), file]
    kinds = Alert.objects.values_list("kind").annotate(n=Count("pk")).order_by("kind")
    counts = {f"alerts: {kind}": n for kind, n in kinds}
    for model in (Run, Detection, AlertTransition):
        counts[model.__name__] = model.objects.count()
    return Made(results, counts)


def compare(wanted: Made, where: str) -> None:
    """RuntimeError where what there is now differs."""
    there = made()
    differ = [key for key in wanted.results.keys() | there.results if wanted.results.get(key) != there.results.get(key)]
    if differ or wanted.counts != there.counts:
        raise RuntimeError(f"{where}: results differ ({differ}), or counts {there.counts} from {wanted.counts}")


def nothing_is_shared(hosts: Sequence[Host], folder: Path) -> None:
    """RuntimeError where a host sees a file of another one or of the centre, or not its own."""
    written = settings.VAR_DIR / "services.env"
    for host in hosts:
        (host.folder / "mark").write_text(host.name)
    for host in hosts:
        others = [other for other in hosts if other is not host]
        hidden = [written, Path(settings.WORK_DIR), folder, host.folder, *(other.disk / "mark" for other in others)]
        seen = [path for path in hidden if host.sees(path)]
        if seen or not host.sees(host.disk / "mark") or not host.sees(settings.BASE_DIR / "manage.py"):
            raise RuntimeError(f"the host {host.name} sees {seen or 'not even its own disk'}")


def take_part(hosts: Sequence[Host], rest: Sequence[Host]) -> None:
    """Those take messages, and the rest none: as when a machine is taken out of service."""
    for change, some in (("add_consumer", hosts), ("cancel_consumer", rest)):
        for host, queue in product(some, QUEUES):
            app.control.broadcast(change, {"queue": queue}, [host.worker], reply=True, timeout=30, limit=1)
    answers = app.control.inspect(timeout=5).active_queues()
    there = {name: {one["name"] for one in queues} for name, queues in answers.items()}
    if any(not there[host.worker] for host in hosts) or any(there[host.worker] for host in rest):
        raise RuntimeError(f"workers take from {there}")


def wait_for_workers(hosts: Sequence[Host]) -> None:
    names = {host.worker for host in hosts}
    wait_until(lambda: names <= set(app.control.inspect(timeout=2).ping() or ()), lambda: f"{names} do not answer")


def reading(hosts: Sequence[Host]) -> dict[str, Any]:
    """The sites of both hosts show all alerts. RuntimeError where they do not, or where the primary answered them."""
    for host in hosts:
        with host.site() as address:
            wait_until(lambda at=address: asked(at) is not None, lambda at=address: f"{at} does not answer")
            before, shown = transactions_of_replica(), [asked(address) for _ in range(PAGES)]
            if set(shown) != {Alert.objects.count()}:
                raise RuntimeError(f"{host.name} shows {shown} alerts of {Alert.objects.count()}")
            wait_until(lambda n=before: transactions_of_replica() >= n + PAGES, lambda: "the replica was not asked")
    return row("answers of two hosts' sites that the replica did not give", 0, "answers", PAGES * len(hosts))


def asked(site: str) -> int | None:
    """How many alerts a site knows; None where nobody answers."""
    try:
        answer = requests.get(f"{site}/api/v1/alerts", headers={"Host": "localhost"}, timeout=60)
    except requests.ConnectionError:
        return None
    answer.raise_for_status()
    return int(answer.json()["count"])


def transactions_of_replica() -> int:
    with connections[REPLICA].cursor() as cursor:
        cursor.execute("SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
        (n,) = cursor.fetchone()
    return int(n)


def killing(hosts: Sequence[Host], wanted: Made, rounds: int) -> list[dict[str, Any]]:
    """Each host dies while it computes and comes up again, once in so many rounds; in every other one silently."""
    rng, in_mid_run = np.random.default_rng(11), 0

    def kill(host: Host, *, silently: bool) -> None:
        nonlocal in_mid_run
        wait_until(lambda: leases().count() == len(hosts), lambda: f"not every host computes: {unfinished()}")
        time.sleep(rng.uniform(0, LATEST_SECONDS))
        network.plug(host.name, in_=not silently)
        host.kill()
        held = set(leases())
        time.sleep(OFF_SECONDS)
        in_mid_run += len(held & set(leases()))
        host.start()

    for number, host in product(range(rounds), hosts):
        wait_for_workers(hosts)  # one has just come up again
        work(partial(kill, host, silently=bool(number % 2)))
        compare(wanted, f"{host.name} killed")
    times = rounds * len(hosts)
    what = f"runs lost, doubled or changed, hosts killed {times} times ({in_mid_run} in mid-run)"
    left = {entry.name for entry in raster_entries()} - set(rasters_named())
    return [row(what, 0, "runs", times), row("objects left behind by killed hosts", len(left), "objects", times)]


def leases() -> QuerySet[Run, tuple[int, datetime]]:
    """Of runs that are computed."""
    return Run.objects.filter(state=Run.State.RUNNING).values_list("pk", "lease_until")


def lines(times: dict[int, list[float]], runs: int, amount: float) -> list[dict[str, Any]]:
    speed = result(f"{runs} runs on pairs: two hosts, one as control", "Mpx/s", times[2], times[1], amount=amount)
    rounds = 1 + sum(map(len, times.values()))
    return [speed, row(f"results other than those of one machine, {rounds} rounds", 0, "results", rounds * runs)]


def wait_until(holds: Callable[[], bool], complaint: Callable[[], str]) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        connection.close()  # no transaction stays open
        if time.monotonic() > ends_at:
            raise RuntimeError(complaint())
        time.sleep(1)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
