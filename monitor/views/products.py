"""What is loaded: provenance of every product, and the analysis page of one."""

import json
import math
from itertools import groupby
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from ingest.models import Product, Scene
from ingest.readers import TITLES
from ingest.selectors import products, scenes_by_ground
from monitor import sentences


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    context = {
        "products": [_row(product) for product in products()],
        "stacks": [_stack(list(scenes)) for _, scenes in groupby(scenes_by_ground(), key=_ground)],
    }
    return render(request, "monitor/product_list.html", context)


@require_safe
def product_analysis(request: HttpRequest, product: int) -> HttpResponse:
    found = Product.objects.filter(pk=product).first()
    if found is None:
        raise Http404("There is no such product.")
    arguments = {"product-id": {"data": found.pk}}
    return render(
        request, "monitor/product_analysis.html", {"product": _row(found), "dash_arguments": json.dumps(arguments)}
    )


def _ground(scene: Scene) -> tuple[object, ...]:
    return scene.source_format, scene.simulated, scene.track, scene.burst


def _stack(scenes: list[Scene]) -> dict[str, Any]:
    """All images of one piece of one track."""
    first, last = scenes[0], scenes[-1]
    west, south, east, north = first.footprint.extent
    title = "Simulated images" if first.simulated else f"{TITLES[first.source_format]} images"
    return {
        "name": f"{title}, track {first.track:03d} {first.direction}, burst {first.burst}",
        "polarisations": " and ".join(sorted({scene.polarisation for scene in scenes})),
        "period_label": f"{first.acquired_at:%Y-%m-%d} to {last.acquired_at:%Y-%m-%d}",
        "n_images": len(scenes),
        "posting_m": first.posting_m,
        "scenes": scenes,
        "attribution": first.attribution,
        "licence": first.licence,
        "simulated": first.simulated,
        "bounds_url": f"{reverse('map')}?raster=radar{_at(west, south, east, north)}",
    }


def _at(west: float, south: float, east: float, north: float) -> str:
    """The part of the map's address that opens it on a box."""
    return f"#{_zoom(east - west):.1f}/{(south + north) / 2:.4f}/{(west + east) / 2:.4f}"


def _row(product: Product) -> dict[str, Any]:
    west, south, east, north = product.footprint.extent
    return {
        "id": product.pk,
        "name": product.name,
        "level_label": f"{TITLES[product.source_format]} {product.level}",
        "component_label": sentences.COMPONENT_LABELS[product.component],
        "track_label": f"{product.track:03d} {product.direction}"
        if product.track is not None
        else product.direction or "not stated",
        "period_label": f"{product.dates[0]} to {product.dates[-1]}, "
        + (f"{product.n_dates} dates" if product.has_series else "velocities only"),
        "n_points": product.n_points,
        "n_refused": product.n_refused,
        "source_file": product.file_name,
        "sha256": product.file_sha256,
        "sha256_short": product.file_sha256[:12],
        "attribution": product.attribution,
        "licence": product.licence,
        "simulated": product.simulated,
        "loaded_at": product.loaded_at,
        "bounds_url": reverse("map") + _at(west, south, east, north),
        "analysis_url": reverse("product-analysis", args=[product.pk]),
    }


def _zoom(width_deg: float) -> float:
    """The zoom at which a width fills about half of a desktop map."""
    return max(2.0, min(14.0, math.log2(360 / max(width_deg, 0.001))))
