"""Trees of the project's own modules, for checks and tests that read code."""

import ast

TRIES = 9


def tree(code: str | bytes) -> ast.Module:
    """Parse a module, again where the interpreter itself failed.

    Python 3.11 keeps one depth for all parsing (github.com/python/cpython/issues/106905): when a finaliser that runs
    meanwhile parses too, as formatting a traceback does, a module that is right ends with a SystemError.
    """
    for _ in range(TRIES):
        try:
            return ast.parse(code)  # noqa: TID251
        except SystemError as error:
            failed = error
    raise failed
