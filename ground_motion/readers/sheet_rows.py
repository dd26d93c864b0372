"""Program that writes the only filled sheet of a spreadsheet as a table. It runs in a process of its own.

If a cell is far away, python_calamine's memory ends the process. Started by its path, it imports nothing of ours.
"""

import csv
import json
import resource
import sys

MAX_MEMORY_BYTES = 2 * 2**30
MAX_SHEETS = 1000


def main(path: str, out: str) -> None:
    """Write the table, tab-separated, and print the names: of all sheets, and of those with a table, as JSON."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MAX_MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(hard, MAX_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(path)
        names = book.sheet_names[:MAX_SHEETS]
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in names}
    except CalamineError as fault:
        print(json.dumps({"fault": str(fault)[:80]}))
        return
    full = {name: rows for name, rows in sheets.items() if len(rows) > 1}
    print(json.dumps({"sheets": names, "full": [*full]}))
    if len(full) == 1:
        (rows,) = full.values()
        with open(out, "w", newline="", encoding="utf-8") as table:
            # All numbers of a spreadsheet are floats, also years and days, by which columns are named.
            whole = ([int(c) if isinstance(c, float) and c.is_integer() else c for c in row] for row in rows)
            csv.writer(table, delimiter="\t", lineterminator="\n").writerows(whole)


if __name__ == "__main__":
    main(*sys.argv[1:])
