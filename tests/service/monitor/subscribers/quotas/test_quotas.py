"""An attacker with ten mailboxes and several networks stores at most the quota; with it full, the service goes on."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.gis.geos import MultiPolygon, Polygon
from django.core.files.storage import storages
from django.utils import timezone
from shapely import LineString

from ingest.foundation.disk import disk_full
from ingest.foundation.storage import raster_entries, raster_storage
from ingest.jobs.services import job_claim
from ingest.models import IngestJob
from ingest.products.services import product_delete, product_load
from ml.models import ModelVersion, Run
from ml.runs.services import run_claim
from monitor.models.operations import Extract
from monitor.models.subscriptions import Organisation
from monitor.subscribers.extracts import formats, services
from monitor.subscribers.organisations.lines import line_add
from monitor.subscribers.organisations.services import organisation_found
from monitor.subscribers.quotas import stores
from monitor.subscribers.quotas.services import network_key
from monitor.subscribers.quotas.stores import EXTRACTS, LINES, Quota, Store
from monitor.web.guards import OPERATORS
from monitor.wording.refusals import Refusal
from monitor.wording.regions import rectangle
from tests.fixtures.storage import small_file_system
from tests.makers.lines import WISH as RAILWAY
from tests.makers.people import account, words
from tests.waiting import Elsewhere, reread

pytestmark = pytest.mark.django_db
MB = 10**6
SIZE = 6 * MB  # of every file of an area here
TEN, NETWORKS = range(10), 2


@pytest.fixture
def full_files(settings, monkeypatch) -> None:
    """Make every file of an area as large as what was reserved for it, and the quota small."""
    settings.EXTRACT_QUOTA_BYTES = 50 * MB  # 25 of strangers, 10 of a network, 5 of a mailbox
    kind = formats.KINDS["csv"]
    full = kind._replace(write=lambda path, layers, max_bytes: path.write_bytes(bytes(max_bytes)))
    monkeypatch.setitem(formats.KINDS, "csv", full)


def asked(email: str, size: int = SIZE, **values) -> Extract:
    area = MultiPolygon(Polygon.from_bbox((10, 60, 11, 61)), srid=4326)
    wish = {"email": email, "area": area, "file_format": "csv", "products": [], "n_points": 0, "label": "my house"}
    return Extract.objects.create(**wish, size_bytes=size, **values)


def confirmed(email: str, ip: str = "192.0.2.1", size: int = SIZE) -> Extract:
    extract = asked(email, size)
    services.extract_confirm(extract=extract, ip=ip)
    return reread(extract)


def made(email: str, ip: str = "192.0.2.1", size: int = SIZE, **values) -> Extract:
    extract = confirmed(email, ip, size)
    services.extract_make(extract_id=extract.pk)
    Extract.objects.filter(pk=extract.pk).update(**values)
    return reread(extract)


def held_bytes(*, store: Store) -> int:
    counted = store.rows._default_manager.filter(store.counted)
    return sum(counted.values_list("size_bytes", flat=True))


def on_disk() -> int:
    return sum(entry.size_bytes for entry in raster_entries())


def test_files_of_somebody_known_are_made_before_those_of_strangers(full_files):
    stranger, known = confirmed("anna@example.org", size=MB), confirmed(account("otto", OPERATORS).email, size=MB)
    services.extracts_make()
    assert (reread(stranger).state, reread(known).state) == ("queued", "succeeded")


def test_ten_mailboxes_of_several_networks_store_at_most_the_quota(full_files, django_capture_on_commit_callbacks):
    refused = 0
    with django_capture_on_commit_callbacks(execute=True):
        for turn in range(3):
            for n in TEN:
                try:
                    made(f"attacker{n}+{turn}@example.org", ip=f"192.0.2.{n % NETWORKS}", size=2 * MB)
                except Refusal:
                    refused += 1
    assert refused == 30 - 5 * NETWORKS  # five files of 2 MB in each network of 10 MB
    assert on_disk() == held_bytes(store=EXTRACTS) == NETWORKS * 10 * MB
    made("more@example.org", ip="198.51.100.1", size=5 * MB)
    with pytest.raises(Refusal, match=r"All visitors together already use 23\.8"):  # whatever the network
        confirmed("late@example.org", ip="203.0.113.1", size=2 * MB)
    assert on_disk() == 25 * MB


def test_ten_mailboxes_with_lines_leave_half_to_members_of_a_trusted_organisation(make_subscription, monkeypatch):
    lines = LINES._replace(quota=lambda: Quota(mailbox=10**6, network=1_200_000, total=3_200_000))
    monkeypatch.setattr("monitor.subscribers.organisations.lines.LINES", lines)
    course = {"course": LineString([(-12.0, 47.0), (-11.9, 47.0)]), "length_m": 7600.0}
    said = Counter()
    for n in (*TEN, "mayor"):
        own = make_subscription(f"{n}@example.org")
        found = organisation_found(email=own.email, name="Aldwick", ip=f"192.0.2.{n if n in TEN[8:] else 1}")
        if n == "mayor":
            Organisation.objects.filter(pk=found.organisation_id).update(trusted_at=timezone.now())
            found.organisation.refresh_from_db()
        try:
            line_add(organisation=found.organisation, **course, **RAILWAY)
            said[n == "mayor", "kept"] += 1
        except Refusal as refusal:
            said[n == "mayor", refusal.error.split(" already")[0]] += 1
    network, total = (False, "Your network"), (False, "All visitors together")
    assert said == {network: 5, total: 1, (False, "kept"): 4, (True, "kept"): 1}
    assert set(found.organisation.lines.values_list("network", flat=True)) == {""}


def test_spellings_of_a_mailbox_and_networks_of_one_customer_are_one(full_files):
    made("A.Person+one@googlemail.com", ip="2001:db8:1:1::/64", size=5 * MB)
    with pytest.raises(Refusal, match="You already use 4"):
        confirmed("aperson@gmail.com", ip="192.0.2.9", size=1 * MB)
    made("other@example.org", ip="2001:db8:1:2::/64", size=5 * MB)
    with pytest.raises(Refusal, match="Your network already uses 9"):
        confirmed("third@example.org", ip="2001:db8:1:3::/64", size=1 * MB)


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_do_not_pass_the_quota(full_files):
    waiting = [asked(f"person{n}@example.org", size=2 * MB) for n in TEN]
    gate = threading.Barrier(len(TEN))

    def confirm(extract: Extract) -> bool:
        gate.wait()
        try:
            services.extract_confirm(extract=extract, ip="192.0.2.1")
        except Refusal:
            return False
        return True

    answers = [one.returned() for one in [Elsewhere(lambda one=one: confirm(one)) for one in waiting]]
    assert answers.count(True) == 5
    assert held_bytes(store=EXTRACTS) == 10 * MB


def test_who_is_refused_reads_what_how_much_and_what_to_do_and_nothing_is_reserved(client, full_files):
    made("reader@example.org", size=4 * MB)
    extract = asked("reader@example.org", size=2 * MB)
    page = f"/extracts/{services.extract_token(extract.pk)}/"
    answer = client.post(page, {"deed": "start"})
    assert answer.status_code == 409
    said = words(answer).replace("\xa0", " ")
    assert "You already use 3.8 MB of your 4.8 MB here; this needs 1.9 MB more." in said
    assert "Delete a file that you have" in said
    assert "Make the file" in said  # it may be tried again later
    assert reread(extract).confirmed_at is None
    Extract.objects.exclude(pk=extract.pk).delete()
    assert client.post(page, {"deed": "start"}).status_code == 302


def test_the_form_says_that_the_own_network_is_full_and_tells_nothing_of_a_mailbox(client, full_files, product):
    west, south, east, north = product.footprint.extent
    drawn = rectangle(west - 0.01, south - 0.01, east + 0.01, north + 0.01)
    wish = {"where": "drawn", "drawn": drawn, "file_format": "csv", "email": "full@example.org"}
    made("full@example.org", ip="192.0.2.1", size=5 * MB)
    assert client.post("/extract/", wish).status_code == 302  # as for everybody: whose files there are is private
    for n in TEN[:2]:
        made(f"colleague{n}@example.org", ip="127.0.0.1", size=5 * MB)
    answer = client.post("/extract/", wish)
    assert answer.status_code == 422
    assert "Your network already uses" in words(answer)
    assert Extract.objects.filter(confirmed_at=None).count() == 1


def test_the_oldest_download_goes_first_and_what_was_not_yet_offered_for_a_day_stays(
    full_files, django_capture_on_commit_callbacks
):
    now = timezone.now()
    offered = made("a@example.org", size=2 * MB, finished_at=now - timedelta(days=2))
    late = made("b@example.org", size=2 * MB, downloaded_at=now - timedelta(hours=3))
    early = made("c@example.org", size=2 * MB, downloaded_at=now - timedelta(hours=4))
    loading = made("d@example.org", size=2 * MB, downloaded_at=now - timedelta(minutes=3))
    new = made("e@example.org", size=2 * MB)
    with django_capture_on_commit_callbacks(execute=True):
        for gone, n in ((early, 1), (late, 2), (offered, 3)):
            confirmed(f"next{n}@example.org", size=2 * MB)
            assert not Extract.objects.filter(pk=gone.pk).exists()
        with pytest.raises(Refusal):
            confirmed("last@example.org", size=2 * MB)
    assert not any(raster_storage().exists(gone.file.name) for gone in (early, late, offered))
    assert {loading.pk, new.pk} < set(Extract.objects.values_list("pk", flat=True))


def test_nothing_goes_for_a_request_that_is_refused_in_the_end(full_files):
    made("a@example.org", size=2 * MB, downloaded_at=timezone.now() - timedelta(hours=3))
    kept = made("a@example.org", size=3 * MB)
    with pytest.raises(Refusal):
        confirmed("a@example.org", size=5 * MB)
    assert Extract.objects.filter(finished_at__isnull=False).count() == 2
    assert raster_storage().exists(kept.file.name)


@pytest.mark.parametrize(("span", "is_whole"), [("bytes=0-9", False), ("bytes=100-", True), (None, True)])
@pytest.mark.parametrize("sender", ["site", "proxy"])
def test_a_download_counts_when_its_last_byte_was_asked_for(client, full_files, settings, span, is_whole, sender):
    settings.PROXIES = 1
    extract = made("a@example.org", size=1000)
    address = f"/extracts/{services.extract_token(extract.pk)}/file"
    client.head(address)
    proxy = {"X-Sends-Files": "yes"} if sender == "proxy" else {}
    answer = client.get(address, headers=proxy | ({"Range": span} if span else {}))
    b"".join(answer)
    assert ("X-Accel-Redirect" in answer.headers) == (sender == "proxy")
    assert (reread(extract).downloaded_at is not None) == is_whole


@pytest.fixture
def small_disk(tmp_path, settings, monkeypatch):
    """Mount a file system of 64 MB for the rasters and pieces, of which 16 MB are to stay free."""
    settings.DISK_SPARE_BYTES, settings.EXTRACT_QUOTA_BYTES = 16 * MB, 10**12
    with small_file_system(tmp_path / "small", "size=64m") as folder:
        monkeypatch.setitem(storages["rasters"].__dict__, "location", str(folder / "rasters"))
        settings.WORK_DIR = str(folder / "work")
        yield folder


@pytest.mark.parametrize("storage_kind", ["disk"])
def test_on_a_small_disk_visitors_files_leave_the_reserve_and_loading_and_searching_go_on(
    small_disk, monkeypatch, make_egms
):
    kind = formats.KINDS["csv"]

    def write(path, layers, max_bytes: int) -> None:
        path.write_bytes(bytes(max_bytes))
        assert not disk_full()  # even while the file is made

    monkeypatch.setitem(formats.KINDS, "csv", kind._replace(write=write))
    refusals = []
    for n in range(12):
        try:
            confirmed(f"attacker{n}@example.org", ip=f"198.51.100.{n}", size=3 * MB)
        except Refusal as refusal:
            refusals.append(refusal.error)
        services.extracts_make()
    assert all(error.startswith("All visitors together") for error in refusals)
    assert on_disk() == held_bytes(store=EXTRACTS) == (12 - len(refusals)) * 3 * MB
    assert 10 * MB < on_disk() <= 0.25 * (64 * 2**20 - 16 * MB)
    assert not disk_full()
    job = IngestJob.objects.create(source="upload", original_name="a.csv", stored_path="/nowhere/a.csv")
    assert job_claim(job_id=job.pk).state == IngestJob.State.RUNNING
    product = product_load(path=make_egms())
    version = ModelVersion.objects.create(task="deformation", method="waiting", version="1")
    run = Run.objects.create(model_version=version, product=product)
    assert run_claim(run_id=run.pk).state == Run.State.RUNNING
    product_delete(product=product)


def test_a_file_waits_while_the_disk_lacks_room_for_its_copies_and_smaller_ones_do_not(full_files, monkeypatch):
    large, small = confirmed("a@example.org", size=4 * MB), confirmed("b@example.org", size=1 * MB)
    monkeypatch.setattr(services, "work_room_bytes", lambda: 4 * MB)
    for _ in range(2):
        services.extracts_make()
    assert (reread(large).state, reread(small).state) == ("queued", "succeeded")


def test_one_file_is_made_at_a_time_so_that_other_work_comes_in_between(full_files):
    for n in TEN[:3]:
        confirmed(f"a{n}@example.org", size=1 * MB)
    services.extracts_make()
    assert Extract.objects.filter(state="succeeded").count() == 1


def test_only_keyed_hashes_name_a_network_or_a_mailbox(settings):
    key = network_key(ip="192.0.2.1")
    assert (len(key), "192.0.2.1" in key) == (64, False)
    settings.SECRET_KEY = "another"
    assert network_key(ip="192.0.2.1") != key
    assert set(stores.STORES) == {EXTRACTS, LINES}
