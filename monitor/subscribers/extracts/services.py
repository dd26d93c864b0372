"""Extracts of areas: requested, confirmed, made by a worker, and deleted after some days."""

import logging
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from django.conf import settings
from django.contrib.gis.geos import GEOSGeometry, MultiPolygon
from django.db import transaction
from django.db.models import Case, Count, F, Q, QuerySet, When
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from ingest.foundation.disk import work_room_bytes
from ingest.foundation.failures import Cause, cause_of, reason_of
from ingest.foundation.geos import geos
from ingest.foundation.leases import NO_FAULT, Lease, Overtaken, heartbeat
from ingest.foundation.storage import delete_files, raster_put
from ingest.models import MeasurementPoint, Product
from ml.runs.provisional import provisional_days
from monitor.maps.charts.selectors import bounded, products_over
from monitor.models.messages import OutgoingMessage
from monitor.models.operations import Extract
from monitor.subscribers.extracts.formats import KINDS, NUMBER_BYTES, FileKind, Layer, reserved_bytes
from monitor.subscribers.extracts.layers import layers_of
from monitor.subscribers.quotas.known import network_of_person
from monitor.subscribers.quotas.services import Claim, mailbox_key, room_held
from monitor.subscribers.quotas.stores import EXTRACTS
from monitor.web.secret_links import Expired, signed_link
from monitor.wording.figures import whole
from monitor.wording.refusals import Refusal
from monitor.wording.regions import Region

logger = logging.getLogger(__name__)
State, Kind = Extract.State, OutgoingMessage.Kind
CONFIRM_FOR, KEEP = timedelta(days=2), timedelta(days=7)
COUNTED = 3  # Points are counted up to this multiple of the limit, and estimated beyond.
MAX_BYTES = 2**30
MAX_WORK = timedelta(minutes=30)  # All attempts together may take this long.
COPIES = 2  # While an extract is made, the disk holds the file and its copy in the storage.
FOLDER = "extract-"  # Folders in which files are written have names with this prefix.
FAILED = ":failed"  # The key of the mail about a failure ends with this.
extract_token, _read_token = signed_link("monitor.extract", KEEP)  # The token opens an extract's page and its file.
LEASE = Lease(
    model=Extract,
    queued=State.QUEUED,
    running=State.RUNNING,
    failed=State.FAILED,
    cancelled=State.CANCELLED,
    duration=timedelta(seconds=90),
)


class Contents(NamedTuple):
    """Numbers of points in an area, by data set. size_bytes: the most that a file of them takes."""

    by_product: dict[int, int]
    size_bytes: int = 0

    @property
    def n_points(self) -> int:
        """Number of points of all data sets."""
        return sum(self.by_product.values())


def contents_of(*, area: GEOSGeometry, file_format: str, with_series: bool = True) -> Contents:
    """Count an area's points, of the releases shown now. Raises Refusal for none, or more than a file may have."""
    kind = KINDS[file_format]
    products = list(products_over(area=area).only("n_points", "dates", "has_series", "footprint"))
    shares = {
        product.pk: product.footprint.intersection(area).area / (product.footprint.area or 1.0) for product in products
    }
    n_points = round(sum(product.n_points * shares[product.pk] for product in products))
    contents = Contents({})
    if n_points <= COUNTED * kind.most_points:
        with bounded():
            contents = Contents(_points_in(area, shares))
        n_points = contents.n_points
        if not n_points:
            raise Refusal(_("No measurement point lies in this area. Choose a larger one, or another place."))
    if n_points > kind.most_points:
        words = {"number": whole(n_points), "most": whole(kind.most_points)}
        raise Refusal(
            _("%(number)s points lie in this area; one file holds at most %(most)s. Choose a smaller area.") % words
        )
    n_dates = {product.pk: 0 for product in products}
    if with_series:
        for product in products:  # Series have the release's values and those of the passes after it.
            added = provisional_days(product=product, known_at=timezone.now())
            n_dates[product.pk] = product.n_dates + len(added)
        _check_series(contents, n_dates, kind)
    layers = [(n_points, n_dates[pk]) for pk, n_points in contents.by_product.items()]
    return contents._replace(size_bytes=reserved_bytes(layers))


def _points_in(area: GEOSGeometry, products: Iterable[int]) -> dict[int, int]:
    """Count the points of data sets in an area, by the data set's key."""
    inside = MeasurementPoint.objects.filter(product__in=[*products], tile_point__intersects=area)
    return dict(inside.order_by().values_list("product_id").annotate(n=Count("pid")))


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
    if n_bytes > MAX_BYTES:
        sizes = {"size": filesizeformat(n_bytes), "most": filesizeformat(MAX_BYTES)}
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
            area=MultiPolygon([geos(part) for part in region.outline.geoms], srid=4326),
            file_format=file_format,
            products=sorted(contents.by_product),
            n_points=contents.n_points,
            size_bytes=contents.size_bytes,
            with_series=with_series,
        )
        OutgoingMessage.queue(Kind.EXTRACT, f"extract:{extract.pk}", email, extract=extract)
    return extract


def extract_confirm(*, extract: Extract, ip: str) -> None:
    """Let workers make the file, once the reader of the mail has confirmed; a second call changes nothing.

    Room for the file is reserved; downloaded files, and those offered for a day, may be deleted for it. Raises Refusal.
    """
    if extract.confirmed_at:
        return
    network = network_of_person(email=extract.email, ip=ip)
    claim = Claim(extract.size_bytes, mailbox_key(email=extract.email), network)
    with room_held(store=EXTRACTS, claim=claim, delete=lambda rows: extracts_delete(extracts=rows)):
        unconfirmed = Extract.objects.filter(pk=extract.pk, confirmed_at=None)
        unconfirmed.update(confirmed_at=timezone.now(), mailbox=claim.mailbox, network=claim.network)


def extract_read(token: str) -> Extract:
    """Return the extract of a token. Raises Expired if it is too old or deleted, Wrong if it is invalid."""
    extract = Extract.objects.filter(pk=_read_token(token)).first()
    if extract is None:
        raise Expired("it was deleted in the meantime")
    return extract


def extracts_make() -> None:
    """Delete expired extracts, requeue those of dead workers, and make the first file that is due and has room.

    Only one file is made, so that other tasks can come between two. A mail reports a failure for good.
    """
    now = timezone.now()
    over = Q(confirmed_at=None, created_at__lt=now - CONFIRM_FOR) | Q(created_at__lt=now - KEEP)
    extracts_delete(extracts=Extract.objects.filter(over).exclude(pk__in=LEASE.alive()))
    LEASE.return_expired(error="The worker that wrote it ended before it was done.")
    _folders_prune()
    for extract in Extract.objects.filter(state=State.FAILED).exclude(outgoingmessage__key__endswith=FAILED):
        about = {"extract": extract, "language": extract.language}
        OutgoingMessage.queue(Kind.EXTRACT, f"extract:{extract.pk}{FAILED}", extract.email, **about)
    due = Extract.objects.filter(LEASE.due(), confirmed_at__isnull=False, size_bytes__lte=work_room_bytes() // COPIES)
    strangers = Case(When(network="", then=0), default=1)  # Extracts of unknown people are made last.
    if first := due.order_by(strangers, "pk").first():
        extract_make(extract_id=first.pk)


def extract_make(*, extract_id: int) -> None:
    """Claim an extract and write its file. Raises the fault that ends it."""
    written = Extract.objects.filter(pk=extract_id).exclude(file="")
    if LEASE.keep(written, State.SUCCEEDED, points_done=F("n_points")):
        return
    if not LEASE.claim(Extract.objects.filter(LEASE.due(), pk=extract_id, confirmed_at__isnull=False), error=""):
        return
    extract, done, started = Extract.objects.get(pk=extract_id), 0, time.monotonic()

    def prolong() -> bool:
        worked = extract.worked_seconds + time.monotonic() - started
        if worked > MAX_WORK.total_seconds():
            error = f"It took longer than {MAX_WORK.total_seconds() / 60:g} minutes."
            ended = {"finished_at": timezone.now(), "cause": Cause.STALLED, "error": error}
            LEASE.settle(extract, State.FAILED, worked_seconds=worked, **ended)
            return False
        return LEASE.prolong(extract, points_done=done, worked_seconds=worked)

    def report(n_points: int) -> None:
        nonlocal done
        done += n_points

    try:
        with heartbeat(prolong, settings.RUN_BEAT_SECONDS):
            there = Product.objects.filter(pk__in=extract.products, points_deleted_at=None).values_list("pk", flat=True)
            n_points = _points_in(extract.area, there)
            _finish(extract, layers_of(extract=extract, n_points=n_points, report=report))
    except Overtaken:
        logger.warning("%s was taken over by another worker", extract)
    except Exception as fault:
        LEASE.give_back(extract, reason_of(fault), cause_of(fault))
        raise


def _finish(extract: Extract, layers: Sequence[Layer]) -> None:
    """Write the file, store it, end the lease and queue the mail. Raises Overtaken."""
    kind = KINDS[extract.file_format]
    Path(settings.WORK_DIR).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{FOLDER}{extract.pk}-", dir=settings.WORK_DIR) as folder:
        path = Path(folder) / f"extract-{extract.pk}-{secrets.token_hex(8)}{kind.suffix}"
        kind.write(path, layers, extract.size_bytes)
        size_bytes = path.stat().st_size
        with raster_put(path) as name, transaction.atomic():
            ended = {"file": name, "size_bytes": size_bytes, "finished_at": timezone.now()}
            ended["points_done"] = extract.n_points
            if not LEASE.settle(extract, State.SUCCEEDED, **ended, **NO_FAULT):
                raise Overtaken
            about = {"extract": extract, "language": extract.language}
            OutgoingMessage.queue(Kind.EXTRACT, f"extract:{extract.pk}:ready", extract.email, **about)


def extracts_delete(*, extracts: QuerySet[Extract]) -> None:
    """Delete extracts with their files and mails."""
    for extract in extracts:
        with transaction.atomic():
            delete_files([extract.file])
            extract.delete()


def _folders_prune() -> None:
    """Delete what killed workers of this machine left of files that nobody writes now."""
    there = [*Path(settings.WORK_DIR).glob(f"{FOLDER}*-*")]  # List these first, so that a new one is not deleted.
    written = {str(pk) for pk in LEASE.alive().values_list("pk", flat=True)}
    for folder in there:
        if folder.name.removeprefix(FOLDER).partition("-")[0] not in written:
            shutil.rmtree(folder, ignore_errors=True)
