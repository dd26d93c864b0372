"""The program `ground-motion`: runs methods on files and, where it is installed, the service's commands."""

import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from ground_motion.cli.program import COMMANDS
from ground_motion.cli.program import main as run_method
from ground_motion.core import plugins


def main() -> int | None:
    """Run the method or the service's command named in sys.argv; return the exit status, None for success."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(_version())
        return 0
    if name in COMMANDS:
        return run_method([name, *arguments])
    programs = plugins.entry_points_of(plugins.PROGRAMS)
    if not programs or find_spec("django") is None:
        print(f"'{name}' is a command of the service: pip install ground-motion-service.", file=sys.stderr)
        return 2
    status: int | None = programs["service"].load()(name, arguments)
    return status


def _help() -> str:
    commands = plugins.entry_points_of(plugins.COMMANDS).values()
    names = sorted(module.name for module in iter_modules(map(_folder, commands)) if not module.name.startswith("_"))
    service = [
        "The service and its database (ground-motion help COMMAND says more):",
        f"  {', '.join(names)}",
        "  manage …     any of Django's commands as well: ground-motion manage migrate, manage check, manage help",
        "",
    ]
    return "\n".join(
        [
            "usage: ground-motion COMMAND …",
            "",
            "Files in, files out, without a database (ground-motion COMMAND --help says more):",
            *(f"  {name:<12} {command.help}" for name, command in COMMANDS.items()),
            "",
            *(service if names else []),
            "ground-motion --version prints the version and the code it was built from.",
        ]
    )


def _folder(point: metadata.EntryPoint) -> str:
    """Return the folder of a package without importing it or what is above it: Django would take a second."""
    top, *inner = point.module.split(".")
    found = find_spec(top)
    return str(Path(str(found and found.origin)).parent.joinpath(*inner))


def _version() -> str:
    from ground_motion.runtime.code_version import code_version

    try:
        version = metadata.version("ground-motion-monitor")
    except metadata.PackageNotFoundError:  # a checkout that nobody installed
        version = "not installed"
    return f"{version} (code {code_version()})"


if __name__ == "__main__":
    sys.exit(main())
