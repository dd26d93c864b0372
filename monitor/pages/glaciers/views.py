"""Views of glaciers' motion: the list, the page of one glacier, and its series as CSV."""

from datetime import date
from operator import itemgetter
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_safe
from shapely import from_wkb

from detection.glaciers import selectors as glacier_selectors
from detection.glaciers.cells import cells_of
from detection.glaciers.selectors import samples_by_view
from detection.kinds import Kind
from detection.models import GlacierMotion
from detection.selectors import alerts_public
from ground_motion.core.areas import bounds_of
from ground_motion.core.errors import promised
from ingest.models import Glacier
from monitor.maps.imaging.charts import middles
from monitor.maps.map.selectors import map_at
from monitor.maps.rasters.answers import csv_response
from monitor.maps.rasters.catalogue import raster_group
from monitor.web.request_limits import CHARTS, costly
from monitor.wording import glaciers as words
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.whereabouts import area_names
from monitor.wording.figures import cell_text, speed_words
from monitor.wording.images import track_of_series

COLUMNS = ("start", "end", "speed_m_day", "sigma_m_day", "usual_m_day")  # columns of a series
PER_PAGE = 50


def ident_of(glacier: Glacier) -> str:
    """Return the identifier of a glacier in addresses: its own, or the row's number if it has none."""
    return glacier.glacier_id or str(glacier.pk)


def glacier_link(motion: GlacierMotion) -> dict[str, str]:
    """Return the name of a glacier and the address of its page."""
    name = motion.glacier.name or _("this glacier")
    return {"name": name, "url": reverse("glacier-detail", args=[ident_of(motion.glacier)])}


def _row(motion: GlacierMotion, place: str) -> dict[str, Any]:
    glacier = motion.glacier
    return {
        **glacier_link(motion),
        "name": glacier.name or glacier.glacier_id or _("A glacier without a name"),
        "place": place,
        "motion": motion,
        "state_words": words.STATE_WORDS[motion.state],
        "speed": speed_words(promised(motion.speed_m_day), motion.sigma_m_day),
        "usual": speed_words(promised(motion.usual_m_day)),
    }


def series_table(view: dict[str, Any]) -> dict[str, Any]:
    """Return the name and the table rows of a series, the newest step first."""
    columns = zip(*(view[name] for name in COLUMNS), strict=True)
    rows = [
        {
            "start": date.fromisoformat(start),
            "end": date.fromisoformat(end),
            "speed": pgettext("speed", "not known") if speed is None else speed_words(speed, sigma),
            "usual": "" if usual is None else speed_words(max(usual, 0.0)),
        }
        for start, end, speed, sigma, usual in columns
    ]
    return {"name": track_of_series(view["name"]), "rows": rows[::-1]}


def _last_pair(motion: GlacierMotion) -> dict[str, Any]:
    samples = [rows[-1] for rows in samples_by_view(glacier=motion.glacier).values()]
    if not samples:
        return {"speed_url": "", "raster_url": "", "error": ""}
    ends = [
        (promised(promised(sample.prediction.run.pair).secondary.acquired_at), sample.prediction) for sample in samples
    ]
    _end, prediction = max(ends, key=itemgetter(0))
    layer, group = promised(raster_group(prediction))
    where = map_at(*bounds_of(motion.glacier.outline))
    scan = getattr(prediction, "glacier_scan", None)
    return {
        "speed_url": f"{reverse('map')}?raster={layer}&date={group}&context=glaciers{where}",
        "raster_url": reverse("prediction-raster", args=[prediction.pk]),
        "error": words.error_sentence(scan.stable_ground, scan.stable_rmse_m_day) if scan else "",
    }


@require_safe
def glacier_list(request: HttpRequest) -> HttpResponse:
    """Show the list of glaciers whose motion is known."""
    page = Paginator(glacier_selectors.motions_known(), PER_PAGE).get_page(request.GET.get("page"))
    places = area_names([(promised(motion.glacier.outline), motion.glacier.layer.simulated) for motion in page])
    rows = [_row(motion, place) for motion, place in zip(page, places, strict=True)]
    return render(request, "pages/glaciers/list.html", {"page": page, "glaciers": rows})


@require_safe
def glacier_detail(request: HttpRequest, glacier: str) -> HttpResponse:
    """Show the page of a glacier."""
    motion = _motion_or_404(glacier)
    outline = promised(motion.glacier.outline)
    km2 = cells_of(from_wkb(bytes(outline.wkb))).km2
    row = _row(motion, area_names([(outline, motion.glacier.layer.simulated)])[0])
    speed, usual = promised(motion.speed_m_day), promised(motion.usual_m_day)
    last_day, sigma = promised(motion.last_day), motion.sigma_m_day
    seasons = (words.season_sentence(middles(view), view["usual_m_day"]) for view in motion.views)
    alerts = alerts_public().filter(kind=Kind.GLACIER_SURGE, area__intersects=outline)
    context = {
        "glacier": row | {"id": motion.glacier.glacier_id, "attribution": motion.glacier.layer.attribution},
        "verdict": words.verdict(motion.state, speed, sigma, usual, last_day, motion.n_pairs),
        "season": next(filter(None, seasons), ""),
        "surges": [words.surge_facts(one, km2) for view in motion.views for one in view["surges"]],
        "views": [series_table(view) for view in motion.views],
        "charts": motion.views,
        "alerts": alert_cards(alerts),
        "cell_m": round((km2 * 1e6) ** 0.5),
        **_last_pair(motion),
    }
    return render(request, "pages/glaciers/detail.html", context)


@costly(CHARTS)
@require_safe
def glacier_csv(request: HttpRequest, glacier: str) -> HttpResponse:
    """Answer with a glacier's series as CSV, one row for each step and track: m/day, empty if unknown."""
    motion = _motion_or_404(glacier)
    name = cell_text(motion.glacier.glacier_id or motion.glacier.name)
    rows = [
        (name, cell_text(view["name"]), *values)
        for view in motion.views
        for values in zip(*(view[column] for column in COLUMNS), strict=True)
    ]
    return csv_response("glacier-series", [("glacier", "track", *COLUMNS), *rows])


def _motion_or_404(ident: str) -> GlacierMotion:
    motion = glacier_selectors.motion_of(ident=ident)
    if motion is None or motion.speed_m_day is None:
        raise Http404("No series of this glacier is known.")
    return motion
