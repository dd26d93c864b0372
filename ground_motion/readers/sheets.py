"""Spreadsheets, unpacked to a table (`sheet_rows` does it)."""

import json
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

from ground_motion.core.errors import InputError
from ground_motion.readers import sheet_rows
from ground_motion.readers.vectors.packages import open_zip, too_large

SUFFIXES = frozenset({".xlsx", ".xlsb", ".xls", ".ods"})
MAX_SHEET_BYTES = 2**28  # All of an unpacked spreadsheet is held in memory.
EXPORT = "Export it as CSV"


def unpack(path: Path, folder: Path) -> None:
    """Write the only filled sheet of a spreadsheet into a folder. Raises InputError, also if several are filled."""
    if zipfile.is_zipfile(path):
        with open_zip(path, MAX_SHEET_BYTES):
            pass  # open_zip measures the file; python_calamine opens it itself.
    elif path.stat().st_size > MAX_SHEET_BYTES:
        raise too_large(path, MAX_SHEET_BYTES)
    if find_spec("python_calamine") is None:
        raise InputError(path, "a spreadsheet needs the extra `tables`", EXPORT)
    command = [sys.executable, "-I", sheet_rows.__file__, str(path.absolute()), str(folder / f"{path.stem}.csv")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        problem = "its cells need too much memory: one may stand far from the table"
        raise InputError(path, problem, "Delete the empty rows and columns, or export it as CSV")
    said = json.loads(done.stdout)
    if "fault" in said:
        raise InputError(path, f"it cannot be read as a spreadsheet ({said['fault']})", EXPORT)
    if len(said["full"]) != 1:
        problem = f"{len(said['full'])} of its sheets hold a table: {', '.join(said['full'] or said['sheets']):.80}"
        raise InputError(path, problem, "Keep one, or export it as CSV")
