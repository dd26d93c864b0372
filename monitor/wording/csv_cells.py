"""Text cells of the CSV files that people open in a spreadsheet."""

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "|")


def cell_text(text: str) -> str:
    """Text as a cell that no spreadsheet takes for a formula; numbers are written as numbers, not through this."""
    return f"'{text}" if text.startswith(_STARTS_A_FORMULA) else text
