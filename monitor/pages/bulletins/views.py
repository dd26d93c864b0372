"""Views of bulletins: the archive, one bulletin on screen and on paper, and the form in which a draft is signed."""

from collections.abc import Callable
from datetime import date
from types import SimpleNamespace
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_http_methods, require_safe
from shapely.geometry import shape

from monitor.maps.imaging.charts import curves, gauge_charts
from monitor.maps.map.plans import outlines_plan
from monitor.models.messages import Bulletin
from monitor.pages.bulletins import drafts
from monitor.web.guards import account_in, may_view_work, operators_only
from monitor.web.request_limits import REPORTS, costly
from monitor.wording.cards import bulletins as words
from monitor.wording.states import in_language

PER_PAGE = 50
MAX_PLANS = 8  # A bulletin has this many maps; further regions get only their curves.


def bulletin_context(bulletin: Bulletin) -> dict[str, Any]:
    """Return the context of a bulletin: its words, and for each region a map and the curves of its places."""
    if not bulletin.signed_at:
        drafts.alerts_renew(bulletin=bulletin)
    regions = words.regions_in_words(bulletin.content, bulletin.comments)
    return {
        "bulletin": bulletin,
        "headline": words.headline(bulletin.n_places, bulletin.first_day, bulletin.last_day),
        "tested": words.tested_sentence(bulletin.content),
        "still": words.still_sentence(bulletin.content),
        "provisional": words.provisional_in_words(bulletin.content),
        "regions": [_region(bulletin, region, at < MAX_PLANS) for at, region in enumerate(regions)],
        "simulated": bulletin.simulated,
        "credits": [in_language(line) for line in bulletin.content["credits"]],
        "permalink": f"{settings.PUBLIC_URL}{reverse('bulletin-detail', args=[bulletin.pk])}",
        "printed_on": bulletin.signed_at or bulletin.updated_at,
    }


def _region(bulletin: Bulletin, region: words.RegionWords, with_plan: bool) -> dict[str, Any]:
    outlines = [(place.number, place.place["kind"], shape(place.place["outline"])) for place in region.places]
    title = _("Changes of speed in %(region)s") % {"region": region.name}
    places = []
    for words_of_place in region.places:
        place = words_of_place.place
        first, *_rest, last = map(date.fromisoformat, place["fit"]["dates"])
        product = SimpleNamespace(component=place["component"], name=place["source"])
        curve = curves(SimpleNamespace(fit=place["fit"], product=product), (), ())[0]
        gauges = gauge_charts(place["gauges"], (first, last), date.fromisoformat(place["changed_on"]))
        places.append((words_of_place, curve, gauges))
    plan = outlines_plan(title, outlines, bulletin.simulated) if with_plan else None
    return {"words": region, "plan": plan, "places": places}


def _page(template: str) -> Callable[[HttpRequest, int], HttpResponseBase]:
    """Return the view of a bulletin by a template: signed ones are public, drafts are for those who work here."""

    def show(request: HttpRequest, bulletin: Bulletin) -> HttpResponse:
        return render(request, template, bulletin_context(bulletin))

    @require_safe
    def view(request: HttpRequest, bulletin: int) -> HttpResponseBase:
        row = get_object_or_404(Bulletin, pk=bulletin)
        return show(request, row) if row.signed_at else never_cache(operators_only(show))(request, bulletin=row)

    return view


bulletin_detail = costly(REPORTS)(_page("pages/bulletins/detail.html"))
bulletin_report = costly(REPORTS)(_page("pages/bulletins/report.html"))


@require_safe
def bulletin_list(request: HttpRequest) -> HttpResponse:
    """Show the archive of bulletins; drafts are listed for those who work here."""
    bulletins = Bulletin.objects.defer("content", "comments", "area")
    drafts_hidden = bulletins.none()
    if not may_view_work(request.user):
        drafts_hidden, bulletins = bulletins.filter(signed_at=None), bulletins.exclude(signed_at=None)
    page = Paginator(bulletins, PER_PAGE).get_page(request.GET.get("page"))
    rows = [(one, words.headline(one.n_places, one.first_day, one.last_day)) for one in page]
    return render(request, "pages/bulletins/list.html", {"page": page, "rows": rows, "drafts": drafts_hidden})


@costly(REPORTS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@operators_only
@csrf_protect
def bulletin_edit(request: HttpRequest, bulletin: int) -> HttpResponse:
    """Show the texts of a draft; on POST, save them, or save and sign. Texts that are not saved are shown again."""
    draft = get_object_or_404(Bulletin, pk=bulletin, signed_at=None)
    unsaved: list[str] = []
    if request.method == "POST":
        named = [name for name in request.POST if name.startswith("text-")]
        texts = {name.removeprefix("text-"): request.POST.get(name, "") for name in named}
        expected, sign = request.POST.get("expected", ""), request.POST.get("deed") == "sign"
        if drafts.bulletin_edit(bulletin=draft, expected=expected, texts=texts, actor=account_in(request), sign=sign):
            if sign and drafts.bulletins_unsigned().filter(pk=draft.pk).exists():
                return HttpResponseRedirect(reverse("review-texts"))
            name = "bulletin-detail" if sign else "bulletin-edit"
            return HttpResponseRedirect(reverse(name, args=[draft.pk]))
        unsaved = [text for text in texts.values() if text.strip()]
    outdated = request.method == "POST"
    context = bulletin_context(draft)
    context |= {"expected": drafts.version_of(draft), "outdated": outdated, "unsaved": unsaved}
    context["second_person"] = bool(settings.SECOND_PERSON_FROM)
    return render(request, "pages/bulletins/edit.html", context, status=409 if outdated else 200)
