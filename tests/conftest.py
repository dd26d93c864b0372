"""What every test may ask for: made EGMS and LiCSBAS files, and the real data beside the project."""

import os
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import rasterio
from affine import Affine
from pyproj import Transformer

from ml.simulation.files.region import write_region
from ml.simulation.files.scenes import write_series
from ml.simulation.sar.scenes import simulate_scenes
from ml.simulation.velocity.region import simulate_region

ROOT = Path(__file__).resolve().parent.parent
DATES = ["20200103", "20200715", "20210103", "20210715", "20220103"]
LOS_ASCENDING = (-0.62, -0.10, 0.78)

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps an event loop in the test's thread


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """The longest tests first and together: no worker is left alone with them, and one worker has the shared demo."""
    items.sort(key=lambda item: item.get_closest_marker("demo") is None)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The shared folder of real files."""
    folder = Path(os.environ.get("GROUND_MOTION_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"there is no folder of real data at {folder} (set GROUND_MOTION_DATA)")
    return folder


@pytest.fixture(autouse=True, scope="session")
def static_folder():
    """WhiteNoise warns where nothing has been collected; tests serve static files by other means."""
    from django.conf import settings

    Path(settings.STATIC_ROOT).mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix):
    """The tests make, fill and empty a database: they are its owner. What other roles may is tested as those roles."""
    from django.conf import settings
    from django.db import connection

    connection.settings_dict.update({name: settings.DATABASE_OWNER[name] for name in ("USER", "PASSWORD")})


KEPT = {"django_content_type", "auth_permission", "auth_group", "auth_group_permissions"}  # migrations fill them


@pytest.fixture(autouse=True, scope="session")
def quick_sweep():
    """After a transactional test only tables that hold rows are emptied; the audit's guard is taken down for it.

    Truncating all of them and making every permission anew takes longer than most of these tests.
    """
    from django.contrib.gis.db.backends.postgis.operations import PostGISOperations
    from django.core.management.commands import flush
    from django.db import connection

    def swept(self, style, tables, **options):
        filled = " UNION ALL ".join(
            f"SELECT '{name}' WHERE EXISTS (SELECT FROM {self.quote_name(name)})" for name in sorted({*tables} - KEPT)
        )
        with connection.cursor() as cursor:
            cursor.execute(filled)
            statements = [f"DELETE FROM {self.quote_name(name)}" for (name,) in cursor.fetchall()]
        guard = "ALTER TABLE detection_auditentry {} TRIGGER USER"
        return [guard.format("DISABLE"), *statements, "SET CONSTRAINTS ALL IMMEDIATE", guard.format("ENABLE")]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PostGISOperations, "sql_flush", swept)
        patch.setattr(flush, "emit_post_migrate_signal", lambda *args: None)
        yield


@pytest.fixture(autouse=True)
def own_cache(settings):
    """Empty for every test, and in its own process: the private Redis is shared by all of them."""
    from django.core.cache import cache

    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "tests"}}
    cache.clear()


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """Argon2 is slow on purpose; accounts of tests last for a moment."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher", *settings.PASSWORD_HASHERS]


@pytest.fixture(autouse=True)
def passwords_alone(settings):
    """Accounts of tests have no second factor; tests about it switch it on."""
    settings.MFA_REQUIRED = False


@pytest.fixture(autouse=True)
def one_file_at_a_time(settings):
    """A test's transaction is seen by its own connection only, so files are not loaded in threads."""
    settings.INGEST_WORKERS = 1


@pytest.fixture(autouse=True)
def own_rasters(monkeypatch, tmp_path) -> Path:
    """No test writes rasters where the service keeps its own. (A field holds its storage from the start.)"""
    from django.core.files.storage import storages

    from ingest.models import ElevationTile, ReleaseChange, Scene
    from ml.models import Prediction

    storage = type(storages["rasters"])(location=tmp_path / "rasters")
    monkeypatch.setitem(storages._storages, "rasters", storage)
    for model in (ElevationTile, Scene, Prediction, ReleaseChange):
        monkeypatch.setattr(model._meta.get_field("raster"), "storage", storage)
    return Path(storage.location)


def egms_table(
    n: int = 12, velocity_mm_yr: float = 5.0, level: str = "L2b", old_names: bool = False, los: tuple = LOS_ASCENDING
) -> dict[str, list]:
    """Columns of an EGMS table: n points 50 m apart near Ustica whose displacement is velocity x time."""
    easting = 4_600_000.0 + 50.0 * np.arange(n)
    northing = np.full(n, 1_740_000.0)
    longitude, latitude = Transformer.from_crs(3035, 4326, always_xy=True).transform(easting, northing)
    years = [(int(d[:4]) - 2020) + (int(d[4:6]) - 1) / 12 for d in DATES]
    table: dict[str, list] = {"pid": [f"pt{index:08d}" for index in range(n)]}
    if level != "L3":
        table |= {
            "mp_type": [0] * n,
            "latitude": list(np.round(latitude, 6)),
            "longitude": list(np.round(longitude, 6)),
        }
    table |= {"easting": list(easting), "northing": list(northing)}
    if old_names:
        table |= {"height": [12.5] * n, "height_wgs84": [56.0] * n, "rmse": [1.5] * n}
    else:
        table |= {"height_ortho": [12.5] * n, "height_ellipse": [56.0] * n, "rmse_ts": [1.5] * n}
    if level != "L3":
        table |= {"temporal_coherence": [0.9] * n, "incidence_angle": [38.0] * n, "track_angle": [349.0] * n}
        table |= {name: [value] * n for name, value in zip(("los_east", "los_north", "los_up"), los, strict=True)}
    table |= {"mean_velocity": [velocity_mm_yr] * n, "mean_velocity_std": [0.1] * n}
    return table | {day: [round(velocity_mm_yr * year, 1)] * n for day, year in zip(DATES, years, strict=True)}


def csv_text(table: dict[str, list], delimiter: str = ",") -> str:
    rows = zip(*table.values(), strict=True)
    return "\n".join([delimiter.join(table), *(delimiter.join(str(value) for value in row) for row in rows)]) + "\n"


@pytest.fixture(scope="session")
def simulated_tracks(tmp_path_factory) -> list[Path]:
    """The two EGMS zips of the simulated region: ascending, descending."""
    files = write_region(simulate_region(7), tmp_path_factory.mktemp("simulated") / "region")
    return [path for path in files if path.suffix == ".zip"]


def watch_region(tracks: list[Path]) -> None:
    """Load the simulated region, run a detector and search what it found."""
    from detection import selectors
    from detection.alerts import services
    from ingest.products.services import product_load
    from ml import services as ml_services

    for path in tracks:
        product_load(path=path)
    for run in ml_services.runs_queue(method="matched-filter"):
        ml_services.run_execute(run_id=run.pk)
    for prediction in selectors.predictions_unscanned():
        services.prediction_scan(prediction=prediction)


@pytest.fixture(scope="session")
def region_snapshots() -> list:
    """Empty until a test of this session has watched the region."""
    return []


@pytest.fixture
def watched_region(db, simulated_tracks, region_snapshots, own_rasters, tmp_path_factory) -> list[Path]:
    """The simulated region loaded, run and searched: products, predictions, alerts. Done once, then copied."""
    from tests.makers import snapshots

    if region_snapshots:
        snapshots.give(region_snapshots[0], own_rasters)
    else:
        keep = tmp_path_factory.mktemp("region") / "rasters"
        taken = snapshots.take(lambda: watch_region(simulated_tracks), own_rasters, keep)
        region_snapshots += [taken] if taken else []
    return simulated_tracks


@pytest.fixture
def make_egms(tmp_path: Path) -> Callable[..., Path]:
    """Write an EGMS product; the table may be changed first. xml None leaves the header out of the zip."""

    def make(
        name: str = "EGMS_L2b_117_0227_IW2_VV_2020_2024_1.zip",
        change: Callable[[dict[str, list]], object] = lambda table: None,
        delimiter: str = ",",
        xml: str | None = "<BURST><track>117</track><burst_id>0227</burst_id></BURST>",
        **options,
    ) -> Path:
        table = egms_table(level="L3" if "_L3_" in name else "L2b", **options)
        change(table)
        path, text = tmp_path / name, csv_text(table, delimiter)
        if path.suffix != ".zip":
            path.write_text(text)
            return path
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{path.stem}.csv", text)
            if xml is not None:
                archive.writestr(f"{path.stem}.xml", xml)
        return path

    return make


@pytest.fixture
def make_licsbas(tmp_path: Path) -> Callable[..., Path]:
    """Write a LiCSBAS cum.h5 of 4 x 5 pixels that move by velocity x time."""

    def make(velocity_mm_yr: float = -20.0, leave_out: tuple[str, ...] = (), **replace) -> Path:
        velocity = np.full((4, 5), velocity_mm_yr, dtype=np.float32)
        years = np.array([0.0, 0.5, 1.0], dtype=np.float32)
        content = {
            "imdates": np.array([20200101, 20200701, 20210101], dtype=np.int32),
            "cum": years[:, None, None] * velocity,
            "vel": velocity,
            "corner_lat": 19.5,
            "corner_lon": -99.2,
            "post_lat": -0.001,
            "post_lon": 0.001,
            "refarea": "0:1/0:1",
        } | replace
        path = tmp_path / "cum.h5"
        with h5py.File(path, "w") as file:
            for key, value in content.items():
                if key not in leave_out:
                    file[key] = value
        return path

    return make


RTC_GRID = Affine(30, 0, 240_000, 0, -30, 3_810_000)


@pytest.fixture
def make_rtc(tmp_path: Path) -> Callable[..., Path]:
    """Write an OPERA RTC-S1 GeoTIFF, 48 x 40 pixels of four-look speckle by default."""

    def make(
        date: str = "20211119",
        power=None,
        burst: str = "292320-IW2",
        layer: str = "VV",
        made: str = "20250830T120333",
        name: str | None = None,
        **profile,
    ) -> Path:
        rng = np.random.default_rng([*f"{date}{burst}{layer}{made}".encode()])
        power = rng.gamma(4, 0.025, size=(40, 48)) if power is None else power
        platform = "S1A"
        name = name or f"OPERA_L2_RTC-S1_T137-{burst}_{date}T015900Z_{made}Z_{platform}_30_v1.0_{layer}.tif"
        tags = profile.pop("tags", {})
        wanted = {
            "driver": "GTiff",
            "dtype": "float32",
            "count": 1,
            "height": power.shape[0],
            "width": power.shape[1],
            "crs": "EPSG:32611",
            "transform": RTC_GRID,
            "nodata": float("nan"),
        } | profile
        with rasterio.open(tmp_path / name, "w", **wanted) as raster:
            for band in range(1, wanted["count"] + 1):
                raster.write(power.astype(wanted["dtype"]), band)
            raster.update_tags(**tags)
        return tmp_path / name

    return make


@pytest.fixture
def make_alert(db) -> Callable[..., object]:
    """An alert with its first transition, a square of 0.02 degrees, without any detector."""
    from datetime import date

    from django.contrib.gis.geos import MultiPolygon, Polygon

    from detection.models import Alert, AlertTransition

    def make(longitude: float = -12.0, latitude: float = 47.0, state: str = "first", **values) -> Alert:
        square = Polygon.from_bbox((longitude - 0.01, latitude - 0.01, longitude + 0.01, latitude + 0.01))
        alert = Alert.objects.create(
            state=state,
            **{
                "area": MultiPolygon(square, srid=4326),
                "kind": "subsidence",
                "severity": "moderate",
                "component": "up",
                "area_m2": 3.4e6,
                "rate_mm_yr": -14.0,
                "peak_rate_mm_yr": -15.0,
                "rate_sigma_mm_yr": 1.0,
                "first_motion": date(2020, 1, 3),
                "last_motion": date(2024, 12, 25),
                "simulated": False,
            }
            | values,
        )
        AlertTransition.objects.create(alert=alert, to_state=state, reason="seen in a made field")
        return alert

    return make


@pytest.fixture(scope="session")
def simulated_scenes(tmp_path_factory) -> list[Path]:
    """The images of the simulated region, one a date."""
    series = simulate_scenes(simulate_region(7))
    return list(write_series(series, tmp_path_factory.mktemp("scenes")))


@pytest.fixture
def make_subscription(db) -> Callable[..., object]:
    """A confirmed subscription to everything within 5 km of the made alert."""
    from datetime import timedelta

    from django.utils import timezone

    from detection.kinds import Kind
    from monitor.models import Subscription
    from monitor.subscriptions.services import to_geos
    from monitor.wording import regions

    def make(
        email: str = "resident@example.org", longitude: float = -12.0, latitude: float = 47.0, **values
    ) -> Subscription:
        region = regions.circle(longitude, latitude, 5000)
        defaults = {
            "kinds": [kind.value for kind in Kind],
            "lowest_severity": "minor",
            "unreviewed": True,
            "frequency": "at-once",
            "confirmed_at": timezone.now() - timedelta(days=30),
            "label": region.label,
        }
        return Subscription.objects.create(email=email, **({"region": to_geos(region)} | defaults | values))

    return make


@pytest.fixture
def mail_server(settings):
    """A mail server on this machine. `received` holds what it took; a test may set `answer` to refuse or to break."""
    import socket
    from email import message_from_bytes, policy

    from aiosmtpd.controller import Controller

    class Handler:
        def __init__(self) -> None:
            self.received, self.recipients = [], []
            self.on_recipient = self.on_data = lambda count: None

        async def handle_RCPT(self, server, session, envelope, address, options):
            self.recipients.append(address)
            answer = self.on_recipient(len(self.recipients))
            if answer is None:
                envelope.rcpt_tos.append(address)
            return answer or "250 OK"

        async def handle_DATA(self, server, session, envelope):
            answer = self.on_data(len(self.received))
            if answer == "drop":
                server.transport.abort()
                return "451 never seen"
            if answer is None:
                self.received.append(message_from_bytes(envelope.content, policy=policy.default))
            return answer or "250 taken"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    handler = Handler()
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, 120
    handler.port = port
    yield handler
    controller.stop()


@pytest.fixture
def servers_folder(tmp_path) -> Path:
    """Where a test's own servers keep their data."""
    return tmp_path / "var"


@pytest.fixture
def server_options() -> str:
    """Options of PostgreSQL."""
    return ""


@pytest.fixture
def own_servers(servers_folder, server_options):
    """PostgreSQL and Redis that nobody else uses, and may be taken down; the environment that leads to them."""
    # the last switches off what tests of faults are about
    dropped = {"DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_READER_URL", "REDIS_URL", "POSTGRES_OPTIONS"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment |= {"GROUND_MOTION_VAR": str(servers_folder), "POSTGRES_OPTIONS": server_options}
    services = ROOT / "scripts" / "services"
    subprocess.run([services, "start"], env=environment, check=True)
    yield environment
    subprocess.run([services, "remove"], env=environment, check=True)
