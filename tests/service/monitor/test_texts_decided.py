"""Who writes each text that may stand beside an alert: a new column fails here until somebody has decided it.

A column counts if templates, pages, feeds, API, CAP or messages read its name. Names such as `name` are those of many
columns; each of these is decided.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

from lab.sources import tree

ROOT = Path(__file__).resolve().parent.parent.parent.parent
WINGS = ("monitor/pages", "monitor/open_data", "monitor/notifications", "monitor/wording", "monitor/subscribers")
TEMPLATES = ("templates/pages", "templates/notifications", "templates/wording", "templates/shared")
AT_WORK = "pages/reviews"  # The desk of reviewers is not public.
WORDS = (models.CharField, models.TextField, models.JSONField)
# A person writes them; the public reads them when a second person has agreed.
SECOND_PERSON = """
ingest.AdministrativeRegion: contact_name contact_phone contact_page
detection.SetByHand: texts
detection.AlertEdit: before after
detection.Proposal: public_note change shown
detection.PublicText: change
detection.Review: public_note
monitor.Bulletin: introduction comments
"""
# They come with a file of data or a catalogue; whoever adds data names their source.
OF_DATA = """
ingest.ContextLayer: name file_name file_sha256 attribution licence remarks
ingest.AdministrativeRegion: country name names code slug
ingest.Place: country name names
ingest.Glacier: glacier_id name
ingest.Mine: name country state
ingest.Landslide: size near
ingest.Water: name
ingest.SimulatedTruth: kind title description
ingest.Product: attribution licence header file_name name source_format level
ingest.Product: burst polarisation release refused_reasons refused_rows tile file_sha256
ingest.ProductEvent: name why
ingest.MeasurementPoint: pid
ingest.DisplacementSeries: pid
ingest.Scene: attribution licence header file_name reason name source_format
ingest.Scene: platform mode burst polarisation backscatter ground file_sha256
ingest.Interferogram: attribution licence header file_name name source_format burst polarisation file_sha256
ingest.StationFile: attribution licence header file_name file_sha256 source_format
ingest.Station: code frame
ingest.Gauge: code
ml.GroundEvent: name reports
"""
# The program computes them or offers them to choose from.
OF_PROGRAM = """
ingest.ReleaseChange: verdicts
ingest.DerivedTile: key name
ml.ModelVersion: method version weights_sha256 parameters
ml.Run: device code_version input_sha256 parameters
ml.Prediction: raster_sha256 statistics regions
ml.TrendSearch: places
ml.LivingSeries: difference
ml.LivingChunk: pids
ml.LivingDate: places
detection.AlertUpdate: changes
detection.AlertLife: told views
detection.SurgeSeries: predictions rule
detection.AlertMethods: looks
detection.SealedEvidence: seal
detection.Proposal: reason_code
detection.Scan: thresholds code_version
detection.Alert: reference class_shares kind component passes
detection.AlertExposure: sources
detection.AlertCause: terms
detection.Detection: reference class_shares kind reasons places
detection.AlertTransition: reason actor
detection.Review: reason_code
detection.AlertMotion: direction trend fit
detection.GlacierScan: stable_ground
detection.GlacierMotion: views
monitor.Bulletin: content
monitor.CapMessage: identifier references headline xml
detection.SetByHand: kind severity
"""
# Readers and organisations write them; an operator lets the public name of an organisation be read.
OF_READERS = """
monitor.AccountLanguage: language
monitor.Organisation: mailbox network name asks_from public_name
monitor.Membership: language time_zone
monitor.Subscription: channel label name kinds language time_zone
monitor.Line: mailbox network name
monitor.Endpoint: channel url name keys language
"""
# Only those who work here, or the one who wrote them, read them.
NOT_PUBLIC = """
ingest.Product: loaded_by
ingest.ProductEvent: by
ingest.Scene: loaded_by
ingest.Interferogram: loaded_by
ingest.StepFailure: subject error
ingest.IngestJob: original_name sha256 source_format unit positive mapping_path scale
ingest.IngestJob: polarisation platform attribution licence given_by why error inspection still
ingest.SceneDownload: source url file_name platform polarisation error
ingest.StandingOrder: name region
ingest.PairOrder: key piece reference secondary error
ingest.StationFile: loaded_by
ml.Run: error
ml.GroundEvent: reported_by
detection.CaseNote: text
detection.CaseFile: name
detection.Proposal: answer
detection.PublicText: answer subject
detection.AuditEntry: actor subject before after detail
monitor.SignOfLife: name
monitor.Alarm: condition sentence
monitor.ResidentReport: text reason
monitor.Bulletin: signed_by
monitor.OutgoingMessage: channel key address language about error
monitor.ChannelPause: channel reason
"""


def names_read() -> set[str]:
    """Return the names that public modules read as attributes or columns, and public templates after a point."""
    names: set[str] = set()
    for path in _files(WINGS, "*.py"):
        for node in ast.walk(tree(path.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names |= set(node.value.split("__"))
    for path in _files(TEMPLATES, "*.*"):
        for tag in re.findall(r"{[{%].*?[%}]}", path.read_text(), flags=re.DOTALL):
            names |= set(re.findall(r"\.(\w+)", tag))
    return names


def _files(folders: tuple[str, ...], pattern: str) -> Iterator[Path]:
    for folder in folders:
        yield from (path for path in sorted((ROOT / folder).rglob(pattern)) if AT_WORK not in str(path))


def columns() -> Iterator[str]:
    """Yield the columns of our tables that can hold words, without those that take only terms of the program."""
    for app in ("ingest", "ml", "detection", "monitor"):
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                inner = field.base_field if isinstance(field, ArrayField) else field
                if isinstance(inner, WORDS) and not field.choices and not isinstance(inner, models.EmailField):
                    yield f"{model._meta.app_label}.{model.__name__}.{field.name}"


def decided() -> list[str]:
    rows = "".join((SECOND_PERSON, OF_DATA, OF_PROGRAM, OF_READERS, NOT_PUBLIC)).split("\n")
    parted = [row.partition(": ") for row in rows if row]
    return [f"{table}.{name}" for table, _colon, names in parted for name in names.split()]


def test_every_text_that_may_stand_beside_an_alert_has_its_decision():
    read, known = names_read(), decided()
    shown = {column for column in columns() if column.rpartition(".")[2] in read}
    assert shown - set(known) == set(), "Decide who writes these, and add each to its list"
    assert set(known) - shown == set(), "These are read by no public page any more"
    assert len(known) == len(set(known)), "decided twice"
