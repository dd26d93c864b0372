"""Extracts of areas: requested, confirmed, made by a worker piece by piece, and deleted after some days."""

import logging
import re
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry
from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from ingest.disk import disk_full
from ingest.failures import cause_of, reason_of
from ingest.leases import NO_FAULT, Lease, Overtaken, heartbeat
from ingest.models import MeasurementPoint
from ingest.scenes.services import geos
from ingest.storage import delete_files, raster_put
from ml.sharing import folder_of, store_delete, store_names, store_of
from monitor.maps.charts.selectors import bounded, products_over
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import Extract
from monitor.subscribers.extracts.formats import KINDS, FileKind, Layer
from monitor.subscribers.extracts.layers import AT_ONCE, layers_made
from monitor.web.secret_links import Expired, signed_link
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region

logger = logging.getLogger(__name__)
State, Kind = Extract.State, OutgoingMessage.Kind
CONFIRM_FOR, KEEP = timedelta(days=2), timedelta(days=7)
COUNTED = 3  # times the limit: of areas with more points, the number is estimated
NUMBER_BYTES = 9  # of a displacement in a GeoPackage, where it takes most room
MOST_BYTES = 2**30
PIECES = "extract-"  # begins the names of stores
FAILED = ":failed"  # ends the key of the mail that says so
extract_token, _read_token = signed_link("monitor.extract", KEEP)  # opens the page of an extract, and its file
LEASE = Lease(
    model=Extract,
    queued=State.QUEUED,
    running=State.RUNNING,
    failed=State.FAILED,
    cancelled=State.CANCELLED,
    duration=timedelta(seconds=90),
)


class Contents(NamedTuple):
    """Numbers of points in an area, by data set."""

    by_product: dict[int, int]

    @property
    def n_points(self) -> int:
        """Number of points of all data sets."""
        return sum(self.by_product.values())


def contents_of(*, area: GEOSGeometry, file_format: str, with_series: bool = True) -> Contents:
    """Count an area's points, of the releases shown now. Raises Refusal for none, or more than a file may have."""
    kind = KINDS[file_format]
    products = list(products_over(area=area).only("n_points", "dates", "has_series", "footprint"))
    shares = {one.pk: one.footprint.intersection(area).area / (one.footprint.area or 1.0) for one in products}
    n_points = round(sum(one.n_points * shares[one.pk] for one in products))
    contents = Contents({})
    if n_points <= COUNTED * kind.most_points:
        inside = MeasurementPoint.objects.filter(product__in=list(shares), tile_point__intersects=area)
        with bounded():
            contents = Contents(dict(inside.order_by().values_list("product_id").annotate(n=Count("pid"))))
        n_points = contents.n_points
        if not n_points:
            raise Refusal(_("No measurement point lies in this area. Choose a larger one, or another place."))
    if n_points > kind.most_points:
        words = {"number": whole(n_points), "most": whole(kind.most_points)}
        if kind.most_points < KINDS[Extract.Format.GEOPACKAGE].most_points:
            raise Refusal(
                _("%(number)s points lie in this area; KML holds at most %(most)s. Choose another format.") % words
            )
        raise Refusal(
            _("%(number)s points lie in this area; one file holds at most %(most)s. Choose a smaller area.") % words
        )
    if with_series:
        _check_series(contents, {one.pk: one.n_dates for one in products}, kind)
    return contents


def _check_series(contents: Contents, n_dates: Mapping[int, int], kind: FileKind) -> None:
    """Raise Refusal if the series of these points have too many dates for a format, or would fill too large a file."""
    longest = max(n_dates[pk] for pk in contents.by_product)
    if longest > kind.most_dates:
        words = {"number": whole(longest), "most": whole(kind.most_dates)}
        raise Refusal(
            _(
                "A series has %(number)s dates here; a GeoPackage holds at most %(most)s. "
                "Choose another format, or leave out the series."
            )
            % words
        )
    n_bytes = NUMBER_BYTES * sum(n_points * n_dates[pk] for pk, n_points in contents.by_product.items())
    if n_bytes > MOST_BYTES:
        sizes = {"size": filesizeformat(n_bytes), "most": filesizeformat(MOST_BYTES)}
        raise Refusal(
            _(
                "The series of this area fill about %(size)s; one file holds at most %(most)s. "
                "Choose a smaller area, or leave out the series."
            )
            % sizes
        )


def extract_request(
    *, email: str, region: Region, file_format: str, contents: Contents, with_series: bool = True
) -> Extract:
    """Save a request for a file, and queue the mail with its link."""
    email = email.strip().lower()
    with transaction.atomic():
        extract = Extract.objects.create(
            email=email,
            label=region.label[:200],
            area=geos(region.outline),
            file_format=file_format,
            products=sorted(contents.by_product),
            n_points=contents.n_points,
            with_series=with_series,
        )
        OutgoingMessage.queue(Kind.EXTRACT, f"extract:{extract.pk}", email, extract=extract)
    return extract


def extract_confirm(*, extract: Extract) -> None:
    """Let workers make the file, once the reader of the mail has confirmed; a second call changes nothing."""
    Extract.objects.filter(pk=extract.pk, confirmed_at=None).update(confirmed_at=timezone.now())


def extract_read(token: str) -> Extract:
    """Return the extract of a token. Raises Expired if it is too old or deleted, Wrong if it is invalid."""
    extract = Extract.objects.filter(pk=_read_token(token)).first()
    if extract is None:
        raise Expired("it was deleted in the meantime")
    return extract


def extracts_make() -> None:
    """Delete expired extracts, requeue those of dead workers, and make the files that are due, one after the other.

    Whoever asked for one that failed for good gets a mail.
    """
    now = timezone.now()
    over = Q(confirmed_at=None, created_at__lt=now - CONFIRM_FOR) | Q(created_at__lt=now - KEEP)
    extracts_delete(extracts=Extract.objects.filter(over).exclude(pk__in=LEASE.alive()))
    _pieces_prune()
    LEASE.return_expired(error="The worker that wrote it ended before it was done.")
    for extract in Extract.objects.filter(state=State.FAILED).exclude(outgoingmessage__key__endswith=FAILED):
        about = {"extract": extract, "language": extract.language}
        OutgoingMessage.queue(Kind.EXTRACT, f"extract:{extract.pk}{FAILED}", extract.email, **about)
    due = Extract.objects.filter(LEASE.due(), confirmed_at__isnull=False).order_by("pk")
    while not disk_full() and (first := due.first()):
        extract_make(extract_id=first.pk)


def extract_make(*, extract_id: int) -> None:
    """Claim an extract and write its file, from the pieces of an earlier worker on. Raises the fault that ends it."""
    written = Extract.objects.filter(pk=extract_id).exclude(file="")
    if LEASE.keep(written, State.SUCCEEDED, points_done=F("n_points")):
        return
    if not LEASE.claim(Extract.objects.filter(LEASE.due(), pk=extract_id, confirmed_at__isnull=False), error=""):
        return
    extract, done = Extract.objects.get(pk=extract_id), 0

    def report(n_points: int) -> None:
        nonlocal done
        done += n_points

    try:
        with heartbeat(lambda: LEASE.prolong(extract, points_done=done), settings.RUN_BEAT_SECONDS):
            store = store_of(_pieces_of(extract), f"{AT_ONCE}")
            _finish(extract, list(layers_made(extract=extract, store=store, report=report)))
        store_delete(_pieces_of(extract))
    except Overtaken:
        logger.warning("%s was taken over by another worker", extract)
    except Exception as fault:
        LEASE.give_back(extract, reason_of(fault), cause_of(fault))
        raise


def _finish(extract: Extract, layers: Sequence[Layer]) -> None:
    """Write the file, store it, end the lease and queue the mail. Raises Overtaken."""
    kind, own = KINDS[extract.file_format], folder_of(_pieces_of(extract))
    own.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=own) as folder:  # what a killed worker leaves there goes with the pieces
        path = Path(folder) / f"extract-{extract.pk}-{secrets.token_hex(8)}{kind.suffix}"
        kind.write(path, layers)
        with raster_put(path) as name, transaction.atomic():
            ended = {"file": name, "finished_at": timezone.now(), "points_done": extract.n_points}
            if not LEASE.settle(extract, State.SUCCEEDED, **ended, **NO_FAULT):
                raise Overtaken
            about = {"extract": extract, "language": extract.language}
            OutgoingMessage.queue(Kind.EXTRACT, f"extract:{extract.pk}:ready", extract.email, **about)


def extracts_delete(*, extracts: QuerySet[Extract]) -> None:
    """Delete extracts with their files, pieces and mails."""
    for extract in extracts:
        with transaction.atomic():
            delete_files([extract.file])
            extract.delete()
        store_delete(_pieces_of(extract))


def extracts_retry(*, extracts: QuerySet[Extract]) -> int:
    """Requeue failed, cancelled and delayed extracts; return their number."""
    return LEASE.retry(extracts, **NO_FAULT, finished_at=None)


def extracts_cancel(*, extracts: QuerySet[Extract], by: str) -> int:
    """Cancel waiting and running extracts; return their number."""
    return LEASE.cancel(extracts, error=f"Cancelled by {by}.", finished_at=timezone.now())


def _pieces_prune() -> None:
    """Delete pieces without an extract: a worker may store one just after its extract was deleted."""
    stored = {int(name.removeprefix(PIECES)) for name in store_names() if re.fullmatch(rf"{PIECES}\d+", name)}
    for pk in stored.difference(Extract.objects.filter(pk__in=stored).values_list("pk", flat=True)):
        store_delete(f"{PIECES}{pk}")


def _pieces_of(extract: Extract) -> str:
    return f"{PIECES}{extract.pk}"
