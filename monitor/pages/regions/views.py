"""Views of regions: the list, the page of one region, its report, its widget, and the form of its responsible office.

What operators enter about the office outlasts a new file of regions.
"""

import re
from collections.abc import Sequence
from typing import Any

from csp.decorators import csp_replace
from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.gis.geos import MultiPolygon
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Count, Max, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_http_methods, require_safe

from detection.kinds import KIND_LABELS
from detection.lists import AlertCount, alert_counts, alerts_matching, alerts_within, monthly_counts
from detection.models import PublicText
from detection.reviews.audit import audit_write
from detection.reviews.claims import Overtaken
from detection.reviews.proposals import text_propose
from detection.rules.lifecycle import LIVING, State
from ground_motion.readers.context.records import MAX_PAGE_LENGTH, PAGE, PHONE
from ingest.context.regions import regions_around, regions_listed, regions_within
from ingest.context.selectors import Contact
from ingest.models import AdministrativeRegion, Product, Scene
from ingest.products.selectors import last_date
from monitor.maps.imaging.charts import column_chart
from monitor.maps.map.plans import region_plan
from monitor.maps.rasters.visibility import visibility_sentence
from monitor.pages.alerts.choice import ORDERS, Choice
from monitor.web.context import MAX_CREDITS, shortened, site_facts
from monitor.web.guards import account_in, deciders_only
from monitor.web.request_limits import REPORTS, costly
from monitor.wording import regions as words
from monitor.wording.cards.cards import alert_cards
from monitor.wording.cards.filters import alerts_touching, region_or_404
from monitor.wording.cards.looks import looks_at_place
from monitor.wording.regions import level_label
from monitor.wording.states import UNREVIEWED

MAX_CARDS = 24
MAX_ON_WIDGET = 5
MAX_ON_REPORT = 12
MOST = {"fields": 6, "credits": MAX_CREDITS}  # Most rows in the printed report.
MONTHS = 12
STATES = {  # headings of columns with numbers of places by state
    State.FIRST: pgettext_lazy("heading of a column", "Not yet reviewed"),
    State.PROVISIONAL: pgettext_lazy("heading of a column", "In two data sets"),
    State.CONFIRMED: pgettext_lazy("heading of a column", "Confirmed"),
    State.FINISHED: pgettext_lazy("heading of a column", "At rest"),
}
REGIONS_ON_A_PAGE = 100
LONGEST = 100
WIDGET_POLICY = {"frame-ancestors": ["*"], "script-src": ["'none'"], "form-action": ["'none'"]}
FIELDS = ("name", "phone", "page")


def fields_in(*, region: MultiPolygon) -> QuerySet[Product]:
    """Return the current velocity fields over a region that are not derived from others, the last loaded first."""
    return Product.objects.current().filter(derived_from=None, footprint__intersects=region)


def region_page(region: AdministrativeRegion, most: int = MAX_CARDS, numbered: bool = False) -> dict[str, Any]:
    """Return the context of a region: alerts, trend, coverage, map. The number of queries does not grow with alerts."""
    among = alerts_touching(region)
    counts = alert_counts(alerts=alerts_within(among=among))
    alerts = list(alerts_matching(among=among)[:most])
    cards = alert_cards(alerts)
    today = timezone.now().date()
    months = monthly_counts(among=among, until=today, n_months=MONTHS)
    this_year = [month for month in months if month.first_day.year == today.year]
    found_and_finished = sum(one.found for one in this_year), sum(one.finished for one in this_year)
    fields = fields_in(region=region.outline).order_by().aggregate(n=Count("pk"), last=Max(last_date("dates")))
    images = Scene.objects.filter(footprint__intersects=region.outline).aggregate(last=Max("acquired_at"))["last"]
    coverage = (fields["n"], fields["last"], images and images.date())
    n_moving = _n(counts, LIVING)
    return {
        "region": region,
        "simulated": region.layer.simulated,
        "bbox": ",".join(f"{value:.4f}" for value in region.view.extent),
        "level": words.level_label(region.level),
        "sentence": words.moving_sentence(region.title, n_moving, _n(counts, UNREVIEWED), any(coverage)),
        "year": words.year_sentence(today.year, *found_and_finished) if counts else "",
        "coverage": words.measured_sentence(*coverage),
        "contact": _contact(region),
        "unseen": visibility_sentence(region.outline, with_day=False),  # `coverage` states the day already.
        "n_listed": n_moving + _n(counts, (State.FINISHED,)),
        "cards": cards,
        "by_kind": _table(counts),
        "states": list(STATES.values()),
        "months": months,
        "trend": column_chart([(date_format(month.first_day, "M"), month.living, month.found) for month in months]),
        "plan": region_plan(region, alerts, cards, numbered),
    }


def _contact(region: AdministrativeRegion) -> Contact | None:
    """Return who is responsible in a region: its own contact, else that of the smallest larger unit with one."""
    if region.contact_name:
        return Contact(region.contact_name, region.contact_phone, region.contact_page, region.title)
    around = [one for one in regions_around(region=region) if one.contact_name]
    return _contact(around[-1]) if around else None


def _n(counts: Sequence[AlertCount], states: Any) -> int:
    return sum(count.n for count in counts if count.state in states)


def _table(counts: Sequence[AlertCount]) -> list[dict[str, Any]]:
    rows = []
    for kind, label in KIND_LABELS.items():
        own = [count for count in counts if count.kind == kind]
        numbers = [(_n(own, (state,)), heading) for state, heading in STATES.items()]
        if any(n for n, _ in numbers):
            rows.append({"kind": kind, "label": label, "numbers": numbers})
    return rows


@require_safe
def region_list(request: HttpRequest) -> HttpResponse:
    """List regions with measurements, by name; ?q= searches, ?level= chooses a level, ?all=1 lists all."""
    text = " ".join(request.GET.get("q", "").split())[:LONGEST]
    levels = list(AdministrativeRegion.objects.order_by("level").values_list("level", flat=True).distinct())
    everything = request.GET.get("all") == "1"
    chosen = next((level for level in levels if str(level) == request.GET.get("level")), None)
    regions = regions_listed(text=text, level=chosen, covered=not everything)
    context = {
        "page": Paginator(regions, REGIONS_ON_A_PAGE).get_page(request.GET.get("page")),
        "text": text,
        "levels": [(level, level_label(level)) for level in levels],
        "level": chosen,
        "everything": everything,
    }
    return render(request, "pages/regions/list.html", context)


@require_safe
def region_detail(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the page of a region."""
    region = region_or_404(slug)
    choice = Choice({"region": region.slug})
    title = _("Moving ground: %(region)s") % {"region": region.title}
    embedded = format_html(
        '<iframe src="{}" title="{}" width="100%" height="620" style="border:0" loading="lazy"></iframe>',
        request.build_absolute_uri(reverse("region-embed", args=[region.slug])),
        title,
    )
    context = region_page(region) | {
        "looks": looks_at_place(region.outline),
        "around": regions_around(region=region),
        "within": regions_within(region=region),
        "choice": choice,
        "facets": choice.facets(alert_counts(alerts=choice.alerts_around())),
        "orders": ORDERS,
        "embed_line": embedded,
    }
    return render(request, "pages/regions/detail.html", context)


@costly(REPORTS)
@require_safe
def region_report(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the printed report of a region: the strongest alerts, numbered as on the map, and sources."""
    region = region_or_404(slug)
    lists = {"fields": fields_in(region=region.outline), "credits": site_facts()["attributions"]}
    context = region_page(region, most=MAX_ON_REPORT, numbered=True) | shortened(lists, MOST)
    context |= {
        "printed_on": timezone.now(),
        "permalink": f"{settings.PUBLIC_URL}{reverse('region-detail', args=[region.slug])}",
        "products": f"{settings.PUBLIC_URL}{reverse('product-list')}",
    }
    return render(request, "pages/regions/report.html", context)


@require_safe
@cache_control(public=True, max_age=300)
@xframe_options_exempt
@csp_replace(WIDGET_POLICY)  # type: ignore[arg-type]  # django-csp knows only views without further parameters
def region_embed(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the widget of a region, the only page that other sites may frame; it has no script, form or cookie."""
    context = region_page(region_or_404(slug), most=MAX_ON_WIDGET, numbered=True)
    return render(request, "pages/regions/embed.html", context)


def _matching(pattern: re.Pattern[str], longest: int, fault: Any, **options: Any) -> forms.RegexField:
    faults = {"invalid": fault, "max_length": fault}
    whole = rf"\A{pattern.pattern}\Z"
    return forms.RegexField(whole, max_length=longest, strip=True, required=False, error_messages=faults, **options)


class ContactForm(forms.Form):
    """Form for an office, its telephone number and its page; an empty form means that no office is known."""

    name = forms.CharField(required=False, max_length=200, label=gettext_lazy("Office"))
    phone = _matching(
        PHONE,
        40,
        gettext_lazy("Type a telephone number, such as +43 1 234 56."),
        label=gettext_lazy("Telephone"),
        widget=forms.TextInput(attrs={"type": "tel"}),
    )
    page = _matching(
        PAGE,
        MAX_PAGE_LENGTH,
        gettext_lazy("Type an address that begins with https:// or http://."),
        label=pgettext_lazy("of an office, on the web", "Page"),
        widget=forms.URLInput,
    )

    def clean(self) -> dict[str, Any]:
        """Check that an office with a number or a page has a name."""
        cleaned = super().clean() or {}
        is_sent = "name" in self.data  # An office is removed by an empty name, not by a form without fields.
        if not is_sent or (not cleaned.get("name") and (cleaned.get("phone") or cleaned.get("page"))):
            self.add_error("name", _("Type the name of the office."))
        return cleaned


@require_http_methods(["GET", "HEAD", "POST"])
@deciders_only
def region_contact(request: HttpRequest, slug: str) -> HttpResponse:
    """Show who is responsible in a region; on POST, change it, with an entry in the audit."""
    region = region_or_404(slug)
    now = {name: getattr(region, f"contact_{name}") for name in FIELDS}
    form = ContactForm(request.POST if request.method == "POST" else None, initial=now)
    if not form.is_valid():
        status = 422 if form.is_bound else 200
        return render(request, "pages/regions/contact.html", {"region": region, "form": form}, status=status)
    given = {name: form.cleaned_data[name] for name in FIELDS}
    with transaction.atomic():
        if text_propose(subject=f"region {region.slug}", change=given, by=account_in(request)):
            return redirect("review-texts")
        _contact_set(region, given, account_in(request))
    return redirect("region-detail", region.slug)


def contact_publish(text: PublicText, publisher: User) -> None:
    """Publish the office to which a second person has agreed. Raises Overtaken if there is no such region any more."""
    region = AdministrativeRegion.objects.select_for_update().filter(slug=text.name).first()
    if region is None:
        raise Overtaken("there is no such region any more")
    _contact_set(region, text.change, publisher)


def _contact_set(region: AdministrativeRegion, change: dict[str, str], actor: User) -> None:
    now = {name: getattr(region, f"contact_{name}") for name in FIELDS}
    before, after = (Contact(**one, region=region.name).line or "–" for one in (now, change))
    values = {f"contact_{name}": value for name, value in change.items()}
    AdministrativeRegion.objects.filter(pk=region.pk).update(**values, contact_by_hand=True)
    detail = f"{region.name}: {before} → {after}"
    audit_write(actor=actor, action="contact", subject=f"region {region.slug}"[:40], detail=detail)
