"""Selectors of downloads."""

from ingest.models import IngestJob, Scene, SceneDownload
from ingest.sources.client.quota import Processed
from ingest.sources.client.scene import CatalogueScene

State = SceneDownload.State


def is_known(*, scene: CatalogueScene) -> bool:
    """Return whether an image is wanted, fetched or loaded already, by this service or otherwise."""
    return (
        SceneDownload.objects.filter(source=scene.source, scene_id=scene.scene_id).exists()
        or Scene.objects.ready().filter(file_name=scene.file_name).exists()
    )


def downloads_processed() -> list[Processed]:
    """Return files that may be deleted: loaded, or refused by the reader."""
    ended = SceneDownload.objects.exclude(stored_path="").filter(
        state__in=[State.LOADED, State.FAILED], job__state__in=[IngestJob.State.LOADED, IngestJob.State.REJECTED]
    )
    return [
        Processed(row.pk, row.bytes_done, row.finished_at or row.created_at, row.state == State.LOADED) for row in ended
    ]
