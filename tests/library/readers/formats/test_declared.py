"""What a submitter declares on the command line is parsed, or refused in a line that shows how it is written."""

import argparse
import json

import pytest
from shapely import from_wkt

from ground_motion.readers.formats.declared import still_ground

SQUARE = {"type": "Polygon", "coordinates": [[[14.1, 40.8], [14.2, 40.8], [14.2, 40.9], [14.1, 40.8]]]}


def test_still_ground_is_a_disc_or_the_polygons_of_a_file(tmp_path):
    path = tmp_path / "still.geojson"
    for content in (SQUARE, {"type": "Feature", "geometry": SQUARE, "properties": {}}):
        features = {"type": "FeatureCollection", "features": [content]}
        for written in (content, features):
            path.write_text(json.dumps(written))
            assert from_wkt(still_ground(str(path))).area == pytest.approx(0.005)
    disc = from_wkt(still_ground("14.2,40.9,1.5"))
    assert disc.centroid.coords[0] == pytest.approx((14.2, 40.9), abs=1e-4)
    for wrong in ("14.2,40.9", "14.2;40.9;1", "14.2,95,1", "14.2,40.9,-1", "nowhere.geojson"):
        with pytest.raises(argparse.ArgumentTypeError, match="LON,LAT,KM"):
            still_ground(wrong)
    for content, said in (('{"type": "Point", "coordinates": [1, 2]}', "no polygon"), ("[]", "LON,LAT,KM")):
        path.write_text(content)
        with pytest.raises(argparse.ArgumentTypeError, match=said):
            still_ground(str(path))
