"""States of alerts and verdicts of specialists in words: label and meaning."""

from django.utils.translation import gettext_lazy as _

STATE_LABELS = {
    "first": (
        _("not yet reviewed"),
        _("A computer detected this in one set of satellite data. Nobody has checked it yet."),
    ),
    "provisional": (
        _("found in two data sets, not yet reviewed"),
        _("Two sets of satellite data show it. Nobody has checked it yet."),
    ),
    "confirmed": (_("confirmed"), _("A specialist has looked at this and agrees that the ground moves.")),
    "rejected": (_("not motion"), _("A specialist has looked at this and decided that it is not ground motion.")),
    "finished": (_("finished"), _("The ground here moved and has come to rest.")),
    "merged": (
        _("part of another alert"),
        _("This place is followed under another alert; the history says under which."),
    ),
}
UNREVIEWED = frozenset({"first", "provisional"})
VERDICT_HEADINGS = {
    "confirm": _("The ground moves here"),
    "reject": _("This is not motion of the ground"),
    "finish": _("The ground here has come to rest"),
    "field-visit": _("A visit on site is planned"),
    "taken-back": _("An earlier verdict was taken back"),
}
VERDICT_FORMS = {
    "confirm": {"key": "c", "title": _("Confirm"), "meaning": _("The ground moves here."), "button": _("Confirm")},
    "reject": {
        "key": "n",
        "title": _("Not motion"),
        "meaning": _("It leaves the list; its page stays and gives the reason."),
        "button": _("Record as not motion"),
    },
    "finish": {
        "key": "r",
        "title": _("At rest"),
        "meaning": _("It moved and has come to rest; if it moves again it comes back."),
        "button": _("Record as at rest"),
    },
    "field-visit": {
        "key": "f",
        "title": _("Field visit"),
        "meaning": _("It stays as it is until somebody has been there."),
        "button": _("Plan a visit"),
    },
}


def state_label(state: str) -> str:
    """'confirmed'; empty for the state before the first."""
    return str(STATE_LABELS[state][0]) if state else ""
