"""What a specialist may say of an alert, and why. Every reason has a label and a sentence that the public may read."""

from enum import StrEnum
from typing import NamedTuple

from detection.rules.lifecycle import State, may_become


class Verdict(StrEnum):
    CONFIRM = "confirm"
    REJECT = "reject"
    FINISH = "finish"
    FIELD_VISIT = "field-visit"
    TAKEN_BACK = "taken-back"


class Reason(NamedTuple):
    label: str
    sentence: str


REASONS: dict[Verdict, dict[str, Reason]] = {
    Verdict.CONFIRM: {
        "plausible": Reason(
            "plausible motion", "The measurements agree with each other and with what is known of this place."
        ),
        "independent-data": Reason("independent data agree", "Measurements of another kind show the same motion."),
        "known-mining": Reason("known mining", "There is, or was, mining below this place."),
        "seen-on-site": Reason("seen on site", "Somebody has been there and has seen traces of the motion."),
    },
    Verdict.REJECT: {
        "atmosphere": Reason(
            "atmospheric delay", "Changes in the atmosphere between satellite and ground looked like motion."
        ),
        "unwrapping": Reason("unwrapping error", "The computation miscounted whole waves of the radar signal."),
        "surface": Reason("vegetation or snow", "Plants or snow changed here, not the ground."),
        "seasonal": Reason("warm and cold seasons", "What is seen here comes and goes with the seasons."),
        "construction": Reason("building work", "Building work changed the surface here."),
        "artefact": Reason("fault in the processing", "The computation left a trace here that is not motion."),
        "other": Reason("another cause", "A specialist found another cause than motion of the ground."),
    },
    Verdict.FINISH: {
        "at-rest": Reason("at rest", "Measurements show that the ground here has come to rest."),
        "remedied": Reason("the cause has ended", "What made the ground move here has ended."),
    },
    Verdict.FIELD_VISIT: {
        "visit": Reason("a visit on site is planned", "Somebody will go there and look at the ground."),
    },
    Verdict.TAKEN_BACK: {"taken-back": Reason("taken back", "An earlier finding was taken back.")},
}

STATE_AFTER: dict[Verdict, State] = {
    Verdict.CONFIRM: State.CONFIRMED,
    Verdict.REJECT: State.REJECTED,
    Verdict.FINISH: State.FINISHED,
}
_VISITED_IN = frozenset({State.FIRST, State.PROVISIONAL, State.CONFIRMED})


def verdicts_open(state: State) -> list[Verdict]:
    """Verdicts that are possible in this state. What is over is not judged: it wakes up, or its end is taken back."""
    if state in {State.FINISHED, State.MERGED}:
        return []
    verdicts = [verdict for verdict, target in STATE_AFTER.items() if target is not state and may_become(state, target)]
    return [*verdicts, Verdict.FIELD_VISIT] if state in _VISITED_IN else verdicts
