"""The tables of ingest, a module for each subject; Django expects them here."""

from ingest.models.context import AdministrativeRegion as AdministrativeRegion
from ingest.models.context import Building as Building
from ingest.models.context import ContextLayer as ContextLayer
from ingest.models.context import ElevationTile as ElevationTile
from ingest.models.context import Glacier as Glacier
from ingest.models.context import Landslide as Landslide
from ingest.models.context import Mine as Mine
from ingest.models.context import Place as Place
from ingest.models.context import PopulationTile as PopulationTile
from ingest.models.context import SimulatedTruth as SimulatedTruth
from ingest.models.context import TransportLine as TransportLine
from ingest.models.context import Water as Water
from ingest.models.jobs import IngestJob as IngestJob
from ingest.models.jobs import SceneDownload as SceneDownload
from ingest.models.jobs import StepFailure as StepFailure
from ingest.models.products import DIRECTIONS as DIRECTIONS
from ingest.models.products import DerivedTile as DerivedTile
from ingest.models.products import DisplacementSeries as DisplacementSeries
from ingest.models.products import FromFile as FromFile
from ingest.models.products import MeasurementPoint as MeasurementPoint
from ingest.models.products import Product as Product
from ingest.models.products import PyramidCell as PyramidCell
from ingest.models.products import ReleaseChange as ReleaseChange
from ingest.models.scenes import Scene as Scene
from ingest.models.scenes import ScenePair as ScenePair
