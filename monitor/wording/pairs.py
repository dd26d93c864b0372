"""What people read of alerts from pairs of radar images: metres instead of millimetres, days instead of years."""

from datetime import date

COMPASS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


def compass(bearing_deg: float) -> str:
    """'south-east': a bearing, clockwise from north, in words."""
    return COMPASS[round(bearing_deg / 45.0) % 8]


def days_words(first: date, last: date) -> str:
    """'between 4 and 16 October 2023', 'between 28 September and 10 October 2023'."""
    end = f"{last.day} {last:%B %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"between {first.day} and {end}"
    if first.year == last.year:
        return f"between {first.day} {first:%B} and {end}"
    return f"between {first.day} {first:%B %Y} and {end}"


def speed_words(speed_m_day: float, sigma_m_day: float | None = None) -> str:
    """'3.1 ± 0.2 metres a day' (two standard deviations), '40 ± 10 centimetres a day' below one metre."""
    unit, factor = ("metres", 1.0) if speed_m_day >= 1.0 else ("centimetres", 100.0)
    digits = 1 if factor == 1.0 and speed_m_day < 10 else 0
    margin = "" if sigma_m_day is None else f" ± {max(10.0**-digits, 2 * sigma_m_day * factor):.{digits}f}"
    return f"{speed_m_day * factor:.{digits}f}{margin} {unit} a day"


def speed_label(speed_m_day: float, bearing_deg: float) -> str:
    """'moving 3.1 metres a day to the south-east'."""
    return f"moving {speed_words(speed_m_day)} to the {compass(bearing_deg)}"


def moving_sentence(speed_m_day: float, sigma_m_day: float, bearing_deg: float, first: date, last: date) -> str:
    """One sentence for ground that moved by metres."""
    speed, way = speed_words(speed_m_day, sigma_m_day), compass(bearing_deg)
    return f"The ground here moved to the {way} by about {speed}, {days_words(first, last)}, as radar images show."


def surge_label(speed_m_day: float, usual_m_day: float, bearing_deg: float) -> str:
    """'moving 3.1 metres a day to the south-east, 8 times as fast as usual'."""
    label = speed_label(speed_m_day, bearing_deg)
    times = speed_m_day / usual_m_day if usual_m_day > 0 else 0.0
    return f"{label}, {times:.0f} times as fast as usual" if times >= 2 else label


def surge_sentence(
    speed_m_day: float, sigma_m_day: float, usual_m_day: float, bearing_deg: float, onset: date, onset_sigma: float
) -> str:
    """One sentence for a glacier that surges."""
    since = f"{onset.day} {onset:%B %Y}, give or take {max(1, round(2 * onset_sigma))} days"
    usual = speed_words(max(usual_m_day, 0.01))
    return (
        f"The glacier here has flowed much faster than usual since about {since}: lately by about "
        f"{speed_words(speed_m_day, sigma_m_day)} to the {compass(bearing_deg)}, where about {usual} are usual."
    )


def slide_sentence(speed_m_day: float, sigma_m_day: float, bearing_deg: float, first: date, last: date) -> str:
    """One sentence for a slope that moves by metres."""
    speed, way = speed_words(speed_m_day, sigma_m_day), compass(bearing_deg)
    return f"The slope here slid to the {way} by about {speed}, {days_words(first, last)}, as radar images show."


def change_label(before: float, after: float) -> str:
    """'surface changed: match fell from 75 % to 12 %'."""
    return f"surface changed: match fell from {before:.0%} to {after:.0%}"


def change_sentence(before: float, after: float, first: date, last: date) -> str:
    """One sentence for a surface that changed."""
    return (
        f"The surface here changed {days_words(first, last)}: radar images of these days match to {after:.0%}, "
        f"where the pairs before matched to {before:.0%}."
    )


SEVERITY_OF_CHANGE = {
    "minor": ("small change", "A small piece of ground."),
    "moderate": ("medium change", "More than ten hectares."),
    "strong": ("large change", "More than a square kilometre."),
}
SEVERITY_OF_SPEED = {
    "minor": ("motion by metres", "Motion by metres is never small."),
    "moderate": ("medium motion", "Less than a metre a day at its fastest."),
    "strong": ("large motion", "More than a metre a day at its fastest."),
}


def advice(kind: str, state: str) -> list[str]:
    """What a resident can do where images changed or moved; nothing that two images cannot carry."""
    steps = {
        "surface-change": [
            "A harvest, building work, a flood, a fire or a slide look alike from above: go and see, or ask there.",
            "If nothing of that is known, tell your municipality or the geological survey, and show them this page.",
        ],
        "moving-ground": [
            "Glaciers and some slopes move like this all the time: ask whether this one is known.",
            "If the motion is new to you, tell your municipality or the geological survey, and show them this page.",
        ],
        "glacier-surge": [
            "Ice that moves like this opens new crevasses: before you go on it, ask those who know this glacier.",
            "Rivers below it may rise, fall or turn muddy. Tell your municipality what you see; show them this page.",
        ],
        "fast-landslide": [
            "Ask your municipality or the geological survey whether this slide is known, and show them this page.",
            "New cracks, leaning trees, tilted walls or fresh debris there are worth a photo with its date.",
        ],
    }[kind]
    hint = "Nobody has checked this yet. Take it as a hint, not as a finding."
    return [hint, *steps] if state in {"first", "provisional"} else steps


def limits(kind: str, cell_m: float, days: int, least_m: float) -> list[str]:
    """What pairs of images cannot tell, for this alert. cell_m: side of one value; least_m: smallest motion seen."""
    said = [f"Each value stands for a square of about {cell_m:.0f} metres, not for a single house or field."]
    if kind == "surface-change":
        said.append("What changed cannot be told: snow, ploughing, building work and a slide look alike.")
        said.append("Over water, in dense forest and under fresh snow such changes do not show.")
    else:
        said.append(f"Motion of less than about {least_m:.0f} metres in {days} days does not show in these images.")
        said.append("Only motion along the ground is measured, not sinking or rising.")
    if kind == "glacier-surge":
        said.append("Three pairs of images in a row must show it: a surge is told weeks after it began.")
    if kind == "fast-landslide":
        said.append(
            "Called a slide because it goes down a slope outside known glaciers; so does ice that is not mapped."
        )
    said.append("Measured against the rest of the image: a motion of everything in it does not show.")
    return said
