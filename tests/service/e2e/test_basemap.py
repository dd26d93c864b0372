"""A base map in one file: the browser fetches the parts that it draws, by leaf directories, from this host only."""

import pytest

from tests.makers import basemaps
from tests.service.e2e.browsers import wait_for_map


@pytest.mark.parametrize("schema", basemaps.SCHEMAS)
def test_a_base_map_of_thousands_of_tiles_is_drawn_by_ranges(open_page, settings, tmp_path, schema):
    path = basemaps.country(tmp_path / "country.pmtiles", schema)
    settings.BASEMAP_ARCHIVE = str(path)
    page, parts, warnings = open_page("desktop"), [], []
    page.on("response", lambda answer: parts.append(answer) if answer.url.endswith(".pmtiles") else None)
    page.on("console", lambda line: warnings.append(line.text) if line.type == "warning" else None)
    page.goto("/#13/47.5/10.5")
    wait_for_map(page)
    assert {answer.status for answer in parts} == {206}
    sizes = [int(answer.headers["content-length"]) for answer in parts]
    assert len(sizes) > 3  # head, metadata, leaf directory, tiles
    assert sum(sizes) < path.stat().st_size / 20
    assert [line for line in warnings if line.startswith("ground:")] == []
