"""Why an alert stands where it does in every list: the terms of its importance, in one line."""

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from detection.kinds import Family, family
from detection.models import Alert
from detection.rules.importance import AT_REST, MAX_STEPS, NO_MOTION, Terms
from monitor.wording.figures import area_label, listed, mm_a_year, round_figure

BEHIND = {  # what stands behind everything that moves
    AT_REST: gettext_lazy("Ranked last: it is at rest or finished."),
    NO_MOTION: gettext_lazy("Ranked low: none of its rates is larger than its uncertainty."),
}
EXPOSED = {
    1.0: gettext_lazy("something of value stands on it"),
    2.0: gettext_lazy("much of value stands on it"),
}
KINDS = {1.0: gettext_lazy("such motion may turn sudden"), -1.0: gettext_lazy("it may be building work")}


def why_words(alert: Alert, terms: Terms) -> str:
    """Return why an alert stands where it does: 'Rank: worth 46 mm a year, faster of late.'; or ''."""
    if terms.standing in BEHIND:
        return str(BEHIND[terms.standing])
    parts: list[Any] = [_size(alert, terms)] if alert.is_measured else []
    if terms.trend:
        parts.append(_("faster of late") if terms.trend > 0 else _("slower than before"))
    parts += [words[step] for words, step in ((EXPOSED, terms.exposure), (KINDS, terms.kind)) if step in words]
    if terms.judgement:
        parts.append(_("raised by a specialist") if terms.judgement > 0 else _("lowered by a specialist"))
    if terms.passes:
        parts.append(_("seen in new passes alone"))
    if not parts:
        return ""
    # Translators: %(reasons)s is a list: "worth 46 mm a year, faster of late and much of value stands on it"
    return _("Rank: %(reasons)s.") % {"reasons": listed(parts)}


def _size(alert: Alert, terms: Terms) -> str:
    if family(alert.kind) is Family.SURFACE:
        # Translators: %(area)s is "12 hectares"
        return _("%(area)s of changed surface") % {"area": area_label(alert.area_m2)}
    rate = mm_a_year(round_figure(terms.surely_mm_yr))
    if terms.motion >= MAX_STEPS:
        return _("worth more than %(rate)s") % {"rate": rate}
    # Translators, here and above: %(rate)s is "46 mm a year"
    return (_("worth %(rate)s") if terms.motion else _("worth less than %(rate)s")) % {"rate": rate}
