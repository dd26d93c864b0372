"""What stands on the ground of an alert, in words. Pure: figures in, sentences out. None: not known."""

from monitor.wording.figures import length_words

NOT_KNOWN = "not known here"
LEAST_KM = 0.01


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


def exposure_rows(
    buildings: int | None,
    main_road_km: float | None,
    other_road_km: float | None,
    railway_km: float | None,
    people: float | None,
) -> list[tuple[str, str]]:
    """Every figure with its name; 'none' and 'not known here' are told apart."""
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
    asked = ((buildings, "building"), (railway_km, "railway"), (main_road_km, "main road"))
    known = [name for value, name in asked if value is not None]
    if known:
        return f"No {' or '.join(filter(None, (', '.join(known[:-1]), known[-1])))} is known on this ground."
    return "" if people is None else "Nobody is known to live on this ground."
