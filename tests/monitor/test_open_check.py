"""The demo's own check of what is open to programs."""

import pytest
from django.core.management.base import CommandError
from django.test import Client

from lab.checks.open import check

pytestmark = pytest.mark.django_db


class Site:
    """Answers as the running service would, without a network."""

    def __init__(self, instead: dict[str, bytes] | None = None) -> None:
        self.instead, self.requested = instead or {}, []

    def get(self, path: str) -> bytes:
        self.requested.append(path)
        answer = Client().get(f"/{path.lstrip('/')}")
        if answer.status_code != 200:
            raise CommandError(f"{path} answers {answer.status_code}")
        return self.instead.get(path, answer.content)


def test_everything_open_is_asked_for(pair_predictions):
    site = Site()
    assert check(site) == "0 alerts in the feed, 4 lists for programs, 3 layers of images"
    assert sum(path.startswith("tiles/rasters/") for path in site.requested) == 3
    assert any("arrows.geojson" in path for path in site.requested)


def test_a_feed_that_says_less_than_the_map_is_a_fault(pair_predictions):
    with pytest.raises(CommandError, match="the feed has 0 entries"):
        check(Site({"alerts.geojson": b'{"features": [1]}'}))
    with pytest.raises(CommandError, match="is no JSON"):
        check(Site({"rasters.json": b"<html>"}))
