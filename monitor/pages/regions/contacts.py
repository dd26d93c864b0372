"""Page on which operators enter the office responsible for a region. The entry outlasts a new file of regions."""

import re
from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from detection.reviews.audit import audit_write
from ingest.context.selectors import Contact
from ingest.models import AdministrativeRegion
from ingest.readers.context.records import MAX_PAGE_LENGTH, PAGE, PHONE
from monitor.web.guards import account_in, deciders_only
from monitor.wording.cards.filters import region_or_404

FIELDS = ("name", "phone", "page")


class ContactForm(forms.Form):
    """Form for an office, its telephone number and its page; an empty form means that no office is known."""

    name = forms.CharField(required=False, max_length=200)
    phone = forms.CharField(required=False)
    page = forms.CharField(required=False)

    def clean_phone(self) -> str:
        """Return the telephone number. Raises ValidationError."""
        return self._matching("phone", PHONE, 40, _("Type a telephone number, such as +43 1 234 56."))

    def clean_page(self) -> str:
        """Return the address of the page. Raises ValidationError."""
        return self._matching("page", PAGE, MAX_PAGE_LENGTH, _("Type an address that begins with https:// or http://."))

    def _matching(self, name: str, pattern: re.Pattern[str], longest: int, fault: str) -> str:
        text: str = self.cleaned_data[name]
        if text and not (pattern.fullmatch(text) and len(text) <= longest):
            raise forms.ValidationError(fault)
        return text

    def clean(self) -> dict[str, Any]:
        """Check that an office with a number or a page has a name."""
        cleaned = super().clean() or {}
        if not cleaned.get("name") and (cleaned.get("phone") or cleaned.get("page")):
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
    before, after = (Contact(**one, region=region.name).line or "–" for one in (now, given))
    with transaction.atomic():
        values = {f"contact_{name}": value for name, value in given.items()}
        AdministrativeRegion.objects.filter(pk=region.pk).update(**values, contact_by_hand=True)
        detail = f"{region.name}: {before} → {after}"
        audit_write(actor=account_in(request), action="contact", subject=f"region {region.slug}"[:40], detail=detail)
    return redirect("region-detail", region.slug)
