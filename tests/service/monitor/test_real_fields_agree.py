"""Real velocity fields, from file to page: their alerts stand in the written order, and words agree with figures."""

import json
from itertools import pairwise
from pathlib import Path

import pytest
from django.contrib.gis.db.models import Extent
from django.core.management import call_command
from django.urls import reverse
from django.utils.translation import override

from detection.alerts.importance import terms_of
from detection.models import Alert
from detection.selectors import steepest_tilts
from lab.deformation import injected as mappings
from monitor.wording.cards.cards import alert_card
from tests.makers.regions import make_region
from tests.makers.told import faults_of, plain
from tests.makers.watching import run_all, search_all

pytestmark = [pytest.mark.realdata, pytest.mark.django_db]
MAPPINGS = Path(mappings.__file__).parent / "mappings"
FIELDS = {
    "maoxian_slope/Maoxian_SBAS.csv": {},
    "campi_flegrei_licsbas": {},
    "offida_slope/clusters_offida.shp": {"mapping": MAPPINGS / "offida.toml"},
}
LANGUAGES = ("en", "de", "fr", "es")


@pytest.mark.parametrize("field", FIELDS)
def test_alerts_of_a_real_field_stand_in_order_and_say_what_their_figures_say(real_data, client, field):
    call_command("ingest", str(real_data / "velocity_real" / field), **FIELDS[field])
    run_all("matched-filter", "deformation")
    search_all()
    alerts = {one.code: one for one in Alert.objects.select_related("motion", "exposure", "by_hand")}
    assert alerts
    tilts = steepest_tilts(alerts=[*alerts.values()])
    region = make_region(bounds=tuple(Alert.objects.aggregate(all=Extent("area"))["all"]))
    features = json.loads(client.get("/alerts.geojson").content)["features"]
    scores = [terms_of(alerts[one["properties"]["code"]], tilts.get(one["id"])).score for one in features]
    assert all(before >= after for before, after in pairwise(scores))
    faults = []
    for number, alert in enumerate(alerts.values()):
        card = alert_card(alert)
        inside = f"?lat={card.latitude}&lon={card.longitude}"
        paths = (card.url, f"{card.url}report/", f"/here/{inside}", "/alerts/")
        for at, path in enumerate((*paths, reverse("region-detail", args=[region.slug]))):
            language = LANGUAGES[(number + at) % len(LANGUAGES)]  # Each page is read in one of them.
            sign = "&" if "?" in path else "?"
            page = client.get(f"{path}{sign}language={language}").content.decode()
            with override(language):
                told = faults_of(alert, alert_card(alert), plain(page), language, own="here" not in path)
            faults += [f"{path}: {one}" for one in told]
    assert not faults, "\n".join(faults)
