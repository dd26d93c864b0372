"""The lists of images and pairs: states, choices, pages."""

from datetime import UTC, datetime, timedelta

import pytest

from ingest.models import Scene
from monitor.pages.pairs import selectors as pair_selectors
from monitor.pages.pairs.selectors import ImageChoice, PairChoice
from tests.makers import pairs as made_pairs
from tests.monitor.pages.pairs.test_pair_pages import found_in

pytestmark = pytest.mark.django_db

DAY = datetime(2021, 12, 1, 6, 30, tzinfo=UTC)


def refuse(name: str, reason: str, **values) -> Scene:
    return Scene.objects.create(
        state="refused",
        name=name,
        file_name=name,
        reason=reason,
        source_format="opera-rtc",
        file_sha256=name.ljust(64, "0")[:64],
        **values,
    )


def test_refused_images_and_those_in_no_pair_say_why(operator, pair):
    alone = made_pairs.make_scene(DAY + timedelta(days=3))
    Scene.objects.filter(pk=alone.pk).update(reason="In no pair: the nearest image of this ground is 3 days apart.")
    refuse("empty.tif", "the file is empty. Download or export it again.")
    refuse("odd.tif", "odd.tif: it does not state its track. Add --track 117.", track=44, acquired_at=DAY)
    page = operator.get("/pairs/images/").content.decode()
    for words in ("<strong>3</strong> usable images", "<strong>2</strong> not usable", "<strong>1</strong> in no pair"):
        assert words in page
    for words in ("the file is empty.", "In no pair: the nearest image", "Type its track on the page “Add data”"):
        assert words in page
    assert "--track" not in page
    assert "odd.tif: its" not in page
    refused = operator.get("/pairs/images/?state=refused").content.decode()
    assert "empty.tif" in refused
    assert "made.tif" not in refused
    alone_only = operator.get("/pairs/images/?state=alone&track=901").content.decode()
    assert "In no pair" in alone_only
    assert "empty.tif" not in alone_only


def test_pairs_are_chosen_by_track_polarisation_days_and_findings(pair_predictions, make_alert):
    vh = made_pairs.make_pair(*(made_pairs.make_scene(DAY + timedelta(days=d), "VH") for d in (0, 12)))
    first, second = pair_predictions[0].run.pair, pair_predictions[3].run.pair

    def chosen(**wanted) -> set[int]:
        return {pair.pk for pair in pair_selectors.pairs_matching(wanted=PairChoice(**wanted))}

    assert pair_selectors.pairs_matching(wanted=PairChoice()).first() == second
    assert chosen() == {first.pk, second.pk, vh.pk}
    assert chosen(polarisation="VH") == {vh.pk}
    assert chosen(track=12) == chosen(days=6) == chosen(detected=True) == set()
    assert chosen(image=first.reference_id) == {first.pk}
    found_in(pair_predictions[4], make_alert)
    assert chosen(detected=True) == {second.pk}
    assert {s.pk for s in pair_selectors.images_matching(wanted=ImageChoice("paired"))} == {
        s.pk for s in Scene.objects.all()
    }


def test_a_long_list_has_pages_that_keep_the_choice(operator):
    for number in range(35):
        refuse(f"bad-{number:02d}.tif", "it is bad. Mend it.", track=44)
    page = operator.get("/pairs/images/?track=44").content.decode()
    assert "Page 1 of 2" in page
    assert 'href="?track=44&amp;page=2"' in page
    assert operator.get("/pairs/images/?track=44&page=2").content.decode().count("it is bad") == 5
    assert operator.get("/pairs/images/?track=x&page=-7&state=%00").status_code == 200
