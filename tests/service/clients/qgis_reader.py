"""Run by the Python that has QGIS: opens layers and writes what it read. Argument and answer: lists, as JSON."""

import json
import sys

from qgis.core import (  # only this interpreter has it
    QgsApplication,
    QgsFeatureRequest,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsRasterLayer,
    QgsRectangle,
    QgsVectorLayer,
    QgsVectorTileLayer,
    QgsWkbTypes,
)
from qgis.PyQt.QtCore import QSize

SIDE_PX = 256


def read_features(uri: str, box: list[float] | None) -> dict:
    layer = QgsVectorLayer(uri, "features", "OAPIF")
    if not layer.isValid():
        return {"refused": layer.error().message()}
    request = QgsFeatureRequest()
    if box:
        request.setFilterRect(QgsRectangle(*box))
    features = list(layer.getFeatures(request))
    names = [field.name() for field in layer.fields()]
    return {
        "geometry": QgsWkbTypes.displayString(layer.wkbType()),
        "crs": layer.crs().authid(),
        "rows": [dict(zip(names, map(str, one.attributes()), strict=True)) for one in features],
    }


def draw(uri: str, box: list[float]) -> dict:
    """Return the share of a square picture, in Web Mercator, that the tiles cover."""
    layer = QgsRasterLayer(uri, "tiles", "wms") if uri.endswith("png") else QgsVectorTileLayer(uri, "tiles")
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(layer.crs())
    settings.setExtent(QgsRectangle(*box))
    settings.setOutputSize(QSize(SIDE_PX, SIDE_PX))
    settings.setBackgroundColor(settings.backgroundColor().fromRgb(255, 255, 255))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    image = job.renderedImage()
    white = sum(image.pixelColor(x, y).lightness() == 255 for x in range(SIDE_PX) for y in range(SIDE_PX))
    return {"covered": 1 - white / SIDE_PX**2}


application = QgsApplication([], False)
application.initQgis()
asked = json.loads(sys.argv[1])
answer = [(draw if one["uri"].startswith("type=xyz") else read_features)(one["uri"], one.get("box")) for one in asked]
json.dump(answer, sys.stdout)
sys.stdout.flush()
application.exitQgis()
