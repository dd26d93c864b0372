"""The tables of ingest, a module for each subject; Django expects them here."""

from ingest.models.context import (
    AdministrativeRegion,
    Building,
    ContextLayer,
    ElevationTile,
    Glacier,
    Landslide,
    Mine,
    Place,
    PopulationTile,
    SimulatedTruth,
    TransportLine,
    Water,
)
from ingest.models.jobs import IngestJob, SceneDownload, StepFailure
from ingest.models.products import (
    DerivedTile,
    DisplacementSeries,
    MeasurementPoint,
    Product,
    PyramidCell,
    ReleaseChange,
)
from ingest.models.provenance import DIRECTIONS, FromFile
from ingest.models.scenes import Scene, ScenePair

__all__ = [
    "DIRECTIONS",
    "AdministrativeRegion",
    "Building",
    "ContextLayer",
    "DerivedTile",
    "DisplacementSeries",
    "ElevationTile",
    "FromFile",
    "Glacier",
    "IngestJob",
    "Landslide",
    "MeasurementPoint",
    "Mine",
    "Place",
    "PopulationTile",
    "Product",
    "PyramidCell",
    "ReleaseChange",
    "Scene",
    "SceneDownload",
    "ScenePair",
    "SimulatedTruth",
    "StepFailure",
    "TransportLine",
    "Water",
]
