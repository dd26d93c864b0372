"""Images that are wanted from the replay server, and what becomes of them."""

import hashlib
import random
from datetime import UTC, datetime, timedelta

from django.utils import timezone
from shapely import MultiPolygon, box

from ground_motion.readers.records import Direction
from ingest.models import IngestJob, SceneDownload
from ingest.sources import services
from ingest.sources.client.scene import CatalogueScene, Checksum
from tests.service.ingest.sources import replay

State = SceneDownload.State
DATA = random.Random(11).randbytes(300_000)


def scene(server: replay.Replay, name="S1A_one", data=DATA, **other) -> CatalogueScene:
    server.files[f"/{name}.zip"] = data
    values = {
        "source": "asf",
        "scene_id": name,
        "url": f"{server.address}/{name}.zip",
        "file_name": f"{name}.zip",
        "size_bytes": len(data),
        "checksum": Checksum("md5", hashlib.md5(data).hexdigest()),
        "platform": "S1A",
        "track": 131,
        "direction": Direction.DESCENDING,
        "polarisation": "VV",
        "acquired_at": datetime(2026, 11, 1, tzinfo=UTC),
        "footprint": MultiPolygon([box(10, 63, 11, 64)]),
    }
    return CatalogueScene(**{**values, **other})


def wanted(server, name="S1A_one", **other) -> SceneDownload:
    (row,) = services.scenes_want(scenes=[scene(server, name, **other)])
    return row


def fetched(**options) -> list[SceneDownload]:
    return services.downloads_fetch(sleep=lambda seconds: None, **options)


def settle_job(row: SceneDownload, state=IngestJob.State.LOADED, error="", days_ago=0) -> None:
    row.refresh_from_db()
    IngestJob.objects.filter(pk=row.job_id).update(state=state, error=error)
    services.downloads_settle()
    SceneDownload.objects.filter(pk=row.pk).update(finished_at=timezone.now() - timedelta(days=days_ago))
