"""Views of images, their pairs and the results of runs on them, for operators."""

from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from detection import pairs as pair_selectors
from detection.pairs import ImageChoice, PairChoice
from ingest.models import ScenePair
from monitor.maps.imaging.pixels import RATIO_DB, RATIO_MEAN_PX, RATIO_STOPS, RATIO_WORDS, Piece, piece_of
from monitor.maps.rasters.answers import png_response
from monitor.maps.rasters.layers import LAYER_OF_TASK
from monitor.pages.pairs import pictures as pair_pictures
from monitor.pages.pairs.pictures import IMAGES
from monitor.pages.pairs.rows import IMAGE_STATES, image_row, neighbour_rows, pair_facts, pair_rows, run_rows, viewer
from monitor.web.guards import operators_only
from monitor.wording.images import tracks_in_words
from monitor.wording.refusals import Refusal, number_or_none, refusals_as_json

PER_PAGE = 30
STATES = {name: IMAGE_STATES[name] for name in ("refused", "alone", "paired")}
HIGHEST = 2**31 - 1
CACHE = "private, max-age=3600"


@require_safe
@never_cache
@operators_only
def pair_list(request: HttpRequest) -> HttpResponse:
    """Show the list of image pairs with its filters."""
    wanted = PairChoice(
        track=_number(request, "track"),
        burst=request.GET.get("burst", "")[:20],
        polarisation=request.GET.get("polarisation", "")[:2],
        days=_number(request, "days"),
        detected=request.GET.get("found") == "yes",
        image=_number(request, "image"),
    )
    page, choices = _page(request, pair_selectors.pairs_matching(wanted=wanted)), pair_selectors.pair_choices()
    context = {
        "wanted": wanted,
        "chosen": any(wanted),
        "choices": choices | {"tracks": tracks_in_words(choices["tracks"])},
        "pairs": pair_rows(list(page)),
        "page": page,
        "totals": pair_selectors.totals(),
    }
    return render(request, "pages/pairs/list.html", context)


@require_safe
@never_cache
@operators_only
def image_list(request: HttpRequest) -> HttpResponse:
    """Show the list of images with its filters."""
    state = request.GET.get("state", "")
    wanted = ImageChoice(state if state in STATES else "", _number(request, "track"))
    page = _page(request, pair_selectors.images_matching(wanted=wanted))
    n_pairs = pair_selectors.pairs_counted(scenes=list(page))
    context = {
        "wanted": wanted,
        "chosen": bool(wanted.state or wanted.track is not None),
        "states": STATES.items(),
        "tracks": tracks_in_words(pair_selectors.image_tracks()),
        "images": [image_row(scene, n_pairs[scene.pk]) for scene in page],
        "page": page,
        "totals": pair_selectors.totals(),
    }
    return render(request, "pages/pairs/image_list.html", context)


@require_safe
@never_cache
@operators_only
def pair_detail(request: HttpRequest, pair: int) -> HttpResponse:
    """Show the page of a pair."""
    known = _pair_or_404(pair)
    alerts = pair_selectors.alerts_of_runs(pair=known)
    rows = run_rows(known, pair_selectors.runs_of_pair(pair=known), alerts)
    gone = pair_pictures.missing_images(known)
    ratio = {"colours": RATIO_STOPS, "words": RATIO_WORDS, "reach_db": RATIO_DB, "mean_px": RATIO_MEAN_PX}
    context = {
        "pair": pair_facts(known),
        "neighbours": neighbour_rows(known),
        "runs": rows,
        "results": [row for row in rows if row.get("picture")],
        "gone": pair_pictures.gone_words(gone) if gone else "",
        "viewer": viewer(known, rows),
        "ratio": ratio,
    }
    return render(request, "pages/pairs/detail.html", context)


@require_safe
@operators_only
@refusals_as_json
def pair_image(request: HttpRequest, pair: int, image: str) -> HttpResponseBase:
    """Answer with a window of one image or of the ratio of both, on the pair's grid, as PNG of at most 1200 x 1200."""
    if image not in IMAGES:
        raise Http404("A pair has the images reference, secondary and ratio.")
    known = _pair_or_404(pair)
    piece = _piece(request, known)
    etag = pair_pictures.fingerprint(known, image, piece)
    return png_response(request, etag, lambda: pair_pictures.pair_png(known, image, piece), CACHE)


@require_safe
@operators_only
@refusals_as_json
def pair_run_image(request: HttpRequest, pair: int, run: int) -> HttpResponseBase:
    """Answer with a run's result in a window of the pair's grid, as PNG of at most 1200 x 1200."""
    known = _pair_or_404(pair)
    of_pair = pair_selectors.run_of_pair(pair=known, number=run)
    if of_pair is None:
        raise Http404("There is no such run on this pair, or it has no result yet.")
    piece, layer = _piece(request, known), LAYER_OF_TASK[of_pair.model_version.task]
    etag = pair_pictures.run_fingerprint(of_pair.prediction, layer, piece)
    return png_response(request, etag, lambda: pair_pictures.run_png(of_pair.prediction, layer, piece), CACHE)


def _piece(request: HttpRequest, pair: ScenePair) -> Piece:
    try:
        return piece_of(request.GET, pair.rows, pair.cols)
    except ValueError as fault:
        remedy = f"Give row, col, rows and cols inside {pair.rows} x {pair.cols} pixels, or leave them out."
        raise Refusal(str(fault), remedy) from fault


def _pair_or_404(pair: int) -> ScenePair:
    return get_object_or_404(ScenePair.objects.select_related("reference", "secondary"), pk=pair)


def _number(request: HttpRequest, name: str) -> int | None:
    return number_or_none(request.GET.get(name, ""), HIGHEST)


def _page(request: HttpRequest, rows: QuerySet[Any]) -> "Page[Any]":
    return Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
