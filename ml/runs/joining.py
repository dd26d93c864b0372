"""Help by an idle worker: it computes pieces of a run that another worker holds (docs/decisions/0014).

The helper goes through the same stages as the other worker, but writes neither the run's row nor its result.
"""

import logging
import time

import torch
from django.conf import settings
from django.db.models import QuerySet

from ground_motion.core.errors import InputError
from ground_motion.rasters.pieces import Pieces
from ground_motion.runtime.device import choose_device
from ground_motion.runtime.progress import listening
from ingest.foundation.disk import disk_full
from ingest.foundation.leases import heartbeat
from ml.models import Run
from ml.runs import selectors
from ml.runs.queue import LEASE
from ml.runs.services import SPARE_IN_USE, pieces_key, run_progress, run_work
from ml.runs.sharing import Claims, store_of

logger = logging.getLogger(__name__)
HELP_SECONDS = 60.0  # afterwards other waiting work comes first, then help again
_failed: set[tuple[int, int]] = set()  # (run, attempt) that this process could not help with


class Leaves(Exception):
    """Signal to stop helping: the run needs no more help, or other work comes first."""


def run_join() -> Run | None:
    """Help with the first run that this worker can help with; return the run if it may need more help, else None.

    A failure of the helper is logged and does not fail the run.
    """
    if not _may_help():
        return None
    device = choose_device(settings.ML_DEVICE)
    for run in selectors.runs_shared():
        if (run.pk, run.attempts) not in _failed and _makes_the_same(run, device):
            return run if _help(run, device) else None
    return None


def _help(run: Run, device: torch.device) -> bool:
    """Compute pieces of a run; return True if the time for helping ran out before the run was done."""
    ends, over = time.monotonic() + HELP_SECONDS, False
    claims, progress = Claims(run, run.shared_key, str(device), joined=True), run_progress()

    def leave_in_time() -> None:
        nonlocal over
        over = time.monotonic() > ends
        if over or not _may_help() or not _shared_run(run).exists():
            raise Leaves

    def alive() -> bool:
        claims.prolong()
        return not progress.fault()

    logger.info("run %s: helped with from here", run.pk)
    try:
        with heartbeat(alive, settings.RUN_BEAT_SECONDS), listening(progress.report):
            run_work(run, device, Pieces(store_of(run.pk, run.shared_key, joined=True), leave_in_time, claims))
        claims.end()
    except Leaves:
        pass
    except Exception:
        if _shared_run(run).exists():  # else its pieces were deleted meanwhile
            _failed.add((run.pk, run.attempts))
            logger.exception("run %s could not be helped with; whoever has it goes on", run.pk)
    finally:
        claims.leave()
    return over


def _makes_the_same(run: Run, device: torch.device) -> bool:
    try:
        return pieces_key(run, device) == run.shared_key
    except InputError:  # The weights of the run are not on this machine.
        return False


def _may_help() -> bool:
    """Return whether this worker is free to help: no run is due, and the disk is not full."""
    return not selectors.runs_due().exists() and not disk_full(SPARE_IN_USE)


def _shared_run(run: Run) -> QuerySet[Run]:
    """Return the run as a query, which is empty once this attempt no longer shares its pieces under this key."""
    return LEASE.held_row(run).filter(shared_key=run.shared_key)
