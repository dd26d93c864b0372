"""States of alerts and verdicts of specialists in words: label and meaning."""

STATE_LABELS = {
    "first": ("not yet reviewed", "A computer detected this in one set of satellite data. Nobody has checked it yet."),
    "provisional": (
        "found in two data sets, not yet reviewed",
        "Two sets of satellite data show it. Nobody has checked it yet.",
    ),
    "confirmed": ("confirmed", "A specialist has looked at this and agrees that the ground moves."),
    "rejected": ("not motion", "A specialist has looked at this and decided that it is not ground motion."),
    "finished": ("finished", "The ground here moved and has come to rest."),
    "merged": ("part of another alert", "This place is followed under another alert; the history says under which."),
}
UNREVIEWED = frozenset({"first", "provisional"})
VERDICT_HEADINGS = {
    "confirm": "The ground moves here",
    "reject": "This is not motion of the ground",
    "finish": "The ground here has come to rest",
    "field-visit": "A visit on site is planned",
    "taken-back": "An earlier verdict was taken back",
}
VERDICT_FORMS = {
    "confirm": {"key": "c", "title": "Confirm", "meaning": "The ground moves here.", "button": "Confirm"},
    "reject": {
        "key": "n",
        "title": "Not motion",
        "meaning": "It leaves the list; its page stays and gives the reason.",
        "button": "Record as not motion",
    },
    "finish": {
        "key": "r",
        "title": "At rest",
        "meaning": "It moved and has come to rest; if it moves again it comes back.",
        "button": "Record as at rest",
    },
    "field-visit": {
        "key": "f",
        "title": "Field visit",
        "meaning": "It stays as it is until somebody has been there.",
        "button": "Plan a visit",
    },
}


def state_label(state: str) -> str:
    """'confirmed'; empty for the state before the first."""
    return STATE_LABELS[state][0] if state else ""
