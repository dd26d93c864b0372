"""GNSS stations, levelling benchmarks and gauges (rain, groundwater) with their series."""

import numpy as np
from django.contrib.gis.db import models
from django.contrib.postgres.fields import ArrayField
from numpy.typing import NDArray

from ground_motion.readers.stations.records import GaugeKind, GaugeSeries, StationSeries, StationTechnique
from ingest.models.products import FromFile


class StationFile(FromFile):
    """File of series of stations or gauges, loaded whole or not at all."""

    source_format = models.CharField(max_length=30)

    def __str__(self) -> str:
        return self.file_name


class Station(models.Model):
    """Station or benchmark of one file. Newer rows of the same station replace older ones (`stations_settle`)."""

    file = models.ForeignKey(StationFile, models.CASCADE, related_name="stations")
    code = models.CharField(max_length=40)
    technique = models.CharField(max_length=10, choices=[(way.value, way.value) for way in StationTechnique])
    frame = models.CharField(max_length=30, blank=True, help_text="reference frame of the series, where it is stated")
    position = models.PointField(srid=4326)
    dates = ArrayField(models.DateField())
    packed = models.BinaryField(help_text="float32 (6, dates), mm: east, north, up and their standard deviations")

    class Meta:
        ordering = ["technique", "code", "-id"]

    def __str__(self) -> str:
        return self.code

    @property
    def series(self) -> StationSeries:
        """Series of the station, mm."""
        columns: NDArray[np.float32] = np.frombuffer(self.packed, dtype="<f4").reshape(6, len(self.dates))
        technique, (x, y) = StationTechnique(self.technique), self.position
        return StationSeries(self.code, technique, self.frame, x, y, tuple(self.dates), columns)


class Gauge(models.Model):
    """Gauge of one file. Newer rows of the same gauge replace older ones (`stations_settle`)."""

    file = models.ForeignKey(StationFile, models.CASCADE, related_name="gauges")
    code = models.CharField(max_length=40)
    kind = models.CharField(max_length=12, choices=[(kind.value, kind.value) for kind in GaugeKind])
    position = models.PointField(srid=4326)
    dates = ArrayField(models.DateField())
    packed = models.BinaryField(help_text="float32 (dates,): rain in mm/day, or level of groundwater in m")

    class Meta:
        ordering = ["kind", "code", "-id"]

    def __str__(self) -> str:
        return self.code

    @property
    def series(self) -> GaugeSeries:
        """Series of the gauge, in the unit of its kind."""
        values: NDArray[np.float32] = np.frombuffer(self.packed, dtype="<f4")
        x, y = self.position
        return GaugeSeries(self.code, GaugeKind(self.kind), x, y, tuple(self.dates), values)
