"""What is loaded: provenance of every product, and the analysis page of one."""

import json
import math
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from ingest.models import Product
from ingest.readers import TITLES
from ingest.selectors import products
from monitor import sentences


@require_safe
def product_list(request: HttpRequest) -> HttpResponse:
    return render(request, "monitor/product_list.html", {"products": [_row(product) for product in products()]})


@require_safe
def product_analysis(request: HttpRequest, product: int) -> HttpResponse:
    found = Product.objects.filter(pk=product).first()
    if found is None:
        raise Http404("There is no such product.")
    arguments = {"product-id": {"data": found.pk}}
    return render(
        request, "monitor/product_analysis.html", {"product": _row(found), "dash_arguments": json.dumps(arguments)}
    )


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
        "period_label": f"{product.dates[0]} to {product.dates[-1]}, {len(product.dates)} dates",
        "n_points": product.n_points,
        "n_refused": product.n_refused,
        "source_file": product.file_name,
        "sha256": product.file_sha256,
        "sha256_short": product.file_sha256[:12],
        "attribution": product.attribution,
        "licence": product.licence,
        "simulated": product.simulated,
        "loaded_at": product.loaded_at,
        "bounds_url": f"{reverse('map')}#{_zoom(east - west):.1f}/{(south + north) / 2:.4f}/{(west + east) / 2:.4f}",
        "analysis_url": reverse("product-analysis", args=[product.pk]),
    }


def _zoom(width_deg: float) -> float:
    """The zoom at which a width fills about half of a desktop map."""
    return max(2.0, min(14.0, math.log2(360 / max(width_deg, 0.001))))
