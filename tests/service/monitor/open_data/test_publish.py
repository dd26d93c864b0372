"""A nation as files: what is public and nothing else, never half, again only what changed, and read by ranges."""

import gzip
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import duckdb
import duckdb_extension_httpfs
import pyarrow.parquet as pq
import pystac
import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.db import connection
from pmtiles.reader import MmapSource, Reader, all_tiles

import ground_motion
from detection.rules.verdicts import Verdict
from ingest.models import MeasurementPoint, Product
from ingest.products.life import product_withdraw
from ingest.products.selectors import point_series
from ingest.products.services import product_load
from monitor.maps.map.selectors import points_tile
from monitor.open_data.publish import services, tiles
from monitor.open_data.publish.targets import Folder
from monitor.operations.health.work_checks import publication
from monitor.tasks import issue_cap_messages, publish_site
from tests.makers.echo import file_server
from tests.makers.object_store import BUCKET, object_environment
from tests.makers.organisations import make_organisation
from tests.makers.reports import make_report
from tests.makers.reviews import say
from tests.waiting import HANG_SECONDS

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path, settings, monkeypatch) -> Path:
    """Return the folder to which the site publishes; of the world, one tile is enough."""
    monkeypatch.setattr(tiles, "WORLD_ZOOM", 0)
    settings.PUBLISH_TO = str(tmp_path / "nation")
    return tmp_path / "nation"


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content of each published file, and when it was written."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in paths}


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_points_series_and_tiles_are_those_of_the_database(product, folder):
    call_command("publish", verbosity=0)
    opened = ground_motion.open(str(folder)).products[product.pk]
    series = opened.series()
    assert opened.facts["simulated"] == "no"
    assert series.displacement_mm.attrs["units"] == "mm"
    known = MeasurementPoint.objects.filter(product=product).order_by("position")
    assert series.pid.values.tolist() == [point.pid for point in known]
    for row, point in enumerate(known):
        expected = point_series(point=point)
        assert series.displacement_mm[row].values == pytest.approx(expected, abs=0.051, nan_ok=True)
        assert opened.points()["velocity_mm_yr"][row].as_py() == pytest.approx(point.velocity_mm_yr)
    file = pq.ParquetFile(folder / opened.facts["points"])
    geo = json.loads(file.schema_arrow.metadata[b"geo"])
    assert geo["columns"]["geometry"]["covering"]["bbox"]["xmin"] == ["bbox", "xmin"]
    edges = file.read(["bbox"]).column("bbox").to_pylist()
    positions = zip(*(opened.points()[name].to_pylist() for name in ("longitude", "latitude")), strict=True)
    for edge, (x, y) in zip(edges, positions, strict=True):
        assert edge["xmin"] <= x <= edge["xmax"]
        assert edge["ymin"] <= y <= edge["ymax"]
    with (folder / manifest(folder)["tiles"]["los"]).open("rb") as archive:
        shown = dict(all_tiles(MmapSource(archive)))
        (z, x, y) = max(shown)
        served = points_tile(products=[product.pk], z=z, x=x, y=y)
        assert Reader(MmapSource(archive)).get(z, x, y) == shown[z, x, y]
    assert gzip.decompress(shown[z, x, y]) == served


def test_alerts_messages_feeds_and_catalogue_are_as_the_site_serves_them(product, alert, client, folder):
    issue_cap_messages()
    publish_site()
    (feature,) = json.loads((folder / manifest(folder)["alerts"]).read_bytes())["features"]
    assert [feature] == json.loads(json.dumps(client.get("/alerts.geojson").json()["features"]))
    served = client.get("/alerts.atom", headers={"host": "localhost:8000"}).content
    assert (folder / "feeds/alerts.en.atom").read_bytes() == served
    (message,) = (folder / "alerts/cap").iterdir()
    assert message.read_bytes() == client.get(f"/cap/{message.name}").content
    catalogue = pystac.Catalog.from_file(str(folder / "stac/catalog.json"))
    items = {item.collection_id: item for item in catalogue.get_items(recursive=True)}
    assert set(items) == {"velocity-fields", "alerts"}
    for item in items.values():
        assert all(Path(asset.get_absolute_href()).exists() for asset in item.assets.values())
    assert ground_motion.open(str(folder)).alert(alert.code)["severity"] == "moderate"
    assert "sign of life" in publication()


def test_a_second_run_writes_nothing_and_after_one_alert_only_what_that_changes(product, make_alert, folder):
    make_alert()
    publish_site()
    before = files(folder)
    publish_site()
    assert files(folder) == before
    make_alert(longitude=-11.0)
    publish_site()
    after = files(folder)
    assert [name.rpartition("-")[0] for name in manifest(folder)["going"]] == ["alerts/alerts"]
    changed = {name for name in after if after[name] != before.get(name)}
    assert not [name for name in changed if name.startswith(("points", "series", "tiles", "stac/velocity"))]
    assert len([name for name in changed if name.startswith("stac/alerts/")]) == 2  # its item and the collection


def test_what_no_manifest_names_goes_after_an_hour(product, folder, monkeypatch):
    publish_site()
    Folder(location=folder).save("points/9-left-by-a-killed-run.parquet", ContentFile(b"half"))
    publish_site()
    assert (folder / "points/9-left-by-a-killed-run.parquet").exists()
    monkeypatch.setattr(services, "GRACE", timedelta())
    publish_site()
    assert not (folder / "points/9-left-by-a-killed-run.parquet").exists()
    assert set(manifest(folder)["products"]) == {str(product.pk)}


def test_a_withdrawn_product_and_a_rejected_alert_leave_at_once(
    product, make_alert, anna, folder, django_capture_on_commit_callbacks
):
    stays, goes = make_alert(longitude=-11.0), make_alert()
    publish_site()
    with django_capture_on_commit_callbacks(execute=True):
        say(goes, Verdict.REJECT, anna)
    assert manifest(folder)["codes"] == [stays.code]
    assert not [name for name, (content, _) in files(folder).items() if goes.code.encode() in content]
    with django_capture_on_commit_callbacks(execute=True):
        product_withdraw(product=product, why="It was wrong.", by="anna")
    assert manifest(folder)["products"] == manifest(folder)["tiles"] == {}
    left = [
        name for name in files(folder) if name.startswith(("points/", "series/", "tiles/", "stac/velocity-fields/"))
    ]
    assert left == ["stac/velocity-fields/collection.json"]
    with django_capture_on_commit_callbacks(execute=True):
        stays.delete()
    assert manifest(folder)["codes"] == []


def test_nothing_private_is_in_any_byte(product, make_egms, make_alert, make_subscription, anna, folder, tmp_path):
    secret = product_load(path=make_egms(name="EGMS_L2b_088_0001_IW1_VV_2019_2023_1.zip", xml=None))
    Product.objects.filter(pk=secret.pk).update(name="WITHDRAWNFIELD", licence="WITHDRAWNLICENCE")
    product_withdraw(product=secret, why="WITHDRAWNREASON", by="anna")
    make_subscription("private@subscriber.example")
    make_subscription("owner@organisation.example")
    make_organisation(owner="owner@organisation.example", name="PRIVATEORGANISATION")
    make_report(text="PRIVATECELLAR")
    hidden = make_alert(longitude=-9.0)
    say(hidden, Verdict.REJECT, anna, internal_note="PRIVATENOTE")
    shown = make_alert(simulated=True)
    say(shown, Verdict.CONFIRM, anna, internal_note="PRIVATENOTE")
    issue_cap_messages()
    publish_site()
    private = ["WITHDRAWN", "PRIVATE", "private@", "owner@", "resident@", "anna@", '"anna"', hidden.code]
    published = files(folder)
    for name in {name for name in published if name.endswith(".parquet")}:
        published[f"{name} read"] = repr(pq.read_table(folder / name).to_pylist()).encode(), 0
    for name in manifest(folder)["tiles"].values():
        with (folder / name).open("rb") as archive:
            shown_tiles = [gzip.decompress(tile) for _, tile in all_tiles(MmapSource(archive))]
        published[f"{name} read"] = b" ".join(shown_tiles), 0
    assert product.name.encode() in b" ".join(content for content, _ in published.values())
    assert shown.code.encode() in published[manifest(folder)["alerts"]][0]
    assert b'"simulated": true' in published[manifest(folder)["alerts"]][0]
    found = [(name, text) for name, (content, _) in published.items() for text in private if text.encode() in content]
    assert not found


KILLED = """
import io, os, django
django.setup()
from django.core.files import File
from monitor.open_data.publish import services, targets, tiles
tiles.WORLD_ZOOM = 0
left, save = {n}, targets.Folder._save
def dying(self, name, content):
    global left
    left -= 1
    if not left:
        save(self, name + ".partial", File(io.BytesIO(b"half")))
        os._exit(9)
    return save(self, name, content)
targets.Folder._save = dying
services.publish(targets.target_of({folder!r}))
"""


@pytest.mark.django_db(transaction=True)
def test_killed_at_any_file_a_reader_sees_a_whole_release_and_the_next_run_ends_the_same(product, make_alert, folder):
    make_alert()
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = os.environ | {"DATABASE_URL": urlunsplit(database), "DJANGO_SETTINGS_MODULE": "monitor.settings"}
    for n in (1, 4, 8, 12):
        command = [sys.executable, "-c", KILLED.format(n=n, folder=str(folder))]
        ended = subprocess.run(command, env=environment, timeout=HANG_SECONDS, check=False, capture_output=True)
        assert ended.returncode == 9, ended.stderr
        assert not (folder / "manifest.json").exists() or manifest(folder)["files"]
    publish_site()
    whole = manifest(folder)
    assert all((folder / name).exists() for name in whole["files"])
    again = folder.with_name("again")
    services.publish(Folder(location=again))
    assert manifest(again)["files"] == whole["files"]


def test_a_town_is_read_by_ranges_also_across_180_degrees_and_in_a_period(product, folder):
    publish_site()
    with file_server(folder) as server:
        opened = ground_motion.open(server.url).products[product.pk]
        everything = opened.points()
        x, y = (everything[name][3].as_py() for name in ("longitude", "latitude"))
        server.sent = 0
        near = opened.series((x - 1e-6, y - 1e-6, x + 1e-6, y + 1e-6), first=product.dates[1], last=product.dates[2])
        assert (near.pid.item(), near.sizes["time"]) == (everything["pid"][3].as_py(), 2)
        assert 0 < server.sent < 5e6
        assert opened.points((x + 1, -90.0, x - 1, 90.0)).num_rows == 0  # the other way round, across 180
        assert opened.points((170.0, -90.0, x + 1e-6, 90.0)).num_rows == sum(
            east <= x + 1e-6 for east in everything["longitude"].to_pylist()
        )


def test_the_lines_of_the_reference_read_a_town(product, make_alert, folder):
    alert = make_alert(longitude=13.19, latitude=38.69)
    publish_site()
    (extension,) = Path(duckdb_extension_httpfs.__file__).parent.rglob("*.duckdb_extension")
    duckdb.sql(f"LOAD '{extension}'")  # Elsewhere DuckDB fetches it by itself.
    lines = "\n".join(line[4:] for line in ground_motion.published.__doc__.splitlines() if line.startswith("    "))
    with file_server(folder) as server:
        read: dict = {}
        exec(lines.replace("https://files.example.org/motion", server.url), read)
    assert set(read["found"]["pid"]) == set(read["field"].points(read["town"])["pid"].to_pylist()) != set()
    assert read["moved"]["code"].tolist() == [alert.code]
    assert read["mean"].sizes["time"] == product.n_dates
    assert set(read["fast"]["pid"]) == set(read["found"]["pid"])


def test_a_bucket_is_published_like_a_folder(product, s3_server, monkeypatch):
    for name, value in object_environment(s3_server, "unused").items():
        monkeypatch.setenv(name, value)
    target = services.target_of(f"s3://{BUCKET}/nation")
    services.publish(target)
    first = services.manifest_of(target)
    services.publish(target)
    assert services.manifest_of(target) == first
    assert {entry.name for entry in target.entries()} > {"manifest.json", first["products"][str(product.pk)]["points"]}
