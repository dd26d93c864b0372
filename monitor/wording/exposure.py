"""What stands on the ground of an alert, in words. Pure: figures in, sentences out. None: not known."""

from detection.rules.severity import MODERATE_TILT_MM_M_YR
from monitor.wording.figures import length_words, likely_words

NOT_KNOWN = "not known here"
LEAST_KM = 0.01
HOUSE_M = 10.0
ALLOWED_MM_M = 2.0  # 1 in 500, of walls: Skempton and MacDonald 1956, doi:10.1680/ipeds.1956.12202


def count_words(number: float) -> str:
    """'3', 'about 40', 'about 1,300': two digits from ten on."""
    whole = round(number)
    if whole < 10:
        return str(whole)
    digits = len(str(whole)) - 2
    return f"about {round(whole, -digits):,}"


def exposure_sentence(
    buildings: int | None, main_road_km: float | None, railway_km: float | None, people: float | None
) -> str:
    """'About 40 buildings stand on this ground, and 1.2 km of railway crosses it.'; empty where nothing is known."""
    clauses = []
    if buildings:
        clauses.append("one building stands" if buildings == 1 else f"{count_words(buildings)} buildings stand")
    lines = [
        f"{length_words(length)} of {what}"
        for length, what in ((railway_km, "railway"), (main_road_km, "main road"))
        if length is not None and length >= LEAST_KM
    ]
    if lines:
        clauses.append(f"{' and '.join(lines)} {'cross' if len(lines) > 1 else 'crosses'}")
    if people is not None and round(people) >= 1:
        clauses.append("one person lives" if round(people) == 1 else f"{count_words(people)} people live")
    if not clauses:
        return _nothing(buildings, main_road_km, railway_km, people)
    placed = [f"{clause} {_where(clause, first=index == 0)}" for index, clause in enumerate(clauses)]
    text = ", ".join(placed[:-1]) + (", and " if len(placed) > 1 else "") + placed[-1]
    return f"{text[:1].upper()}{text[1:]}."


def building_tilt_sentence(
    tilt_mm_m_yr: tuple[float, float, float] | None, buildings: int | None, people: float | None
) -> str:
    """How much a house tilts, where it surely reaches what is allowed in ten years; empty where nothing is built.

    tilt_mm_m_yr: the steepest, with the ends of its 90 % interval.
    """
    if tilt_mm_m_yr is None or tilt_mm_m_yr[1] < MODERATE_TILT_MM_M_YR:
        return ""
    known = [number for number in (buildings, people) if number is not None]
    if known and max(known) < 0.5:
        return ""
    moves, where = ("moves", "") if known else ("would move", " Whether houses stand there is not known here.")
    value, low, high = (HOUSE_M * one for one in tilt_mm_m_yr)
    by = likely_words(value, low, high, "mm a year")
    return (
        f"Where it tilts most, one end of a house ten metres long {moves} by about {by} more than the other; a rule of "
        f"thumb allows walls {HOUSE_M * ALLOWED_MM_M:.0f} mm in all (1 in 500).{where}"
    )


def exposure_rows(
    buildings: int | None,
    main_road_km: float | None,
    other_road_km: float | None,
    railway_km: float | None,
    people: float | None,
) -> list[tuple[str, str]]:
    """Every figure with its name; 'none' is not 'not known here'."""
    lengths = (("Railways", railway_km), ("Main roads", main_road_km), ("Other roads", other_road_km))
    return [
        ("Buildings", NOT_KNOWN if buildings is None else count_words(buildings) if buildings else "none"),
        *((name, NOT_KNOWN if km is None else length_words(km) if km >= LEAST_KM else "none") for name, km in lengths),
        ("People who live here", NOT_KNOWN if people is None else count_words(people) if people >= 0.5 else "none"),
    ]


def _where(clause: str, first: bool) -> str:
    if clause.endswith(("crosses", "cross")):
        return "this ground" if first else "it"
    return "on this ground" if first else "on it" if clause.endswith(("stands", "stand")) else "there"


def _nothing(buildings: int | None, main_road_km: float | None, railway_km: float | None, people: float | None) -> str:
    layers = ((buildings, "building"), (railway_km, "railway"), (main_road_km, "main road"))
    known = [name for value, name in layers if value is not None]
    if known:
        return f"No {' or '.join(filter(None, (', '.join(known[:-1]), known[-1])))} is known on this ground."
    return "" if people is None else "Nobody is known to live on this ground."
