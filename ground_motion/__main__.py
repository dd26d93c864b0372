"""The program `ground-motion`: runs methods on files, like python -m ml, and the service's commands, like manage.py."""

import sys
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules

from ml.__main__ import COMMANDS
from ml.__main__ import main as run_method

ROOT = Path(__file__).resolve().parents[1]
APPLICATIONS = ("ingest", "detection", "ml", "monitor/operations")


def main() -> int | None:
    """Run the method of `ml` or the Django command named in sys.argv; return the exit status, None for success."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(_help())
        return 0
    if name == "--version":
        print(_version())
        return 0
    if name in COMMANDS:
        return run_method([name, *arguments], prog="ground-motion")
    if find_spec("django") is None:
        print(f"'{name}' is a command of the service: pip install '.[service]'.", file=sys.stderr)
        return 2
    from django.core.exceptions import ImproperlyConfigured

    from monitor.start.process import command_run

    called = ["ground-motion manage", *arguments] if name == "manage" else ["ground-motion", name, *arguments]
    try:
        return command_run(called)
    except ImproperlyConfigured as fault:
        print(fault, file=sys.stderr)
        return 2


def _help() -> str:
    """Return the help text. It finds Django commands by their files, and so needs no Django."""
    folders = [str(ROOT / app / "management/commands") for app in APPLICATIONS]
    own = sorted(module.name for module in iter_modules(folders) if not module.name.startswith("_"))
    return "\n".join(
        [
            "usage: ground-motion COMMAND …",
            "",
            "Files in, files out, without a database (ground-motion COMMAND --help says more):",
            *(f"  {name:<12} {command.help}" for name, command in COMMANDS.items()),
            "",
            "The service and its database (ground-motion help COMMAND says more; needs the extra `service`):",
            f"  {', '.join(own)}",
            "  manage …     any of Django's commands as well: ground-motion manage migrate, manage check, manage help",
            "",
            "ground-motion --version prints the version and the code it was built from.",
        ]
    )


def _version() -> str:
    from ml.runtime.code_version import code_version

    try:
        version = metadata.version("ground-motion-monitor")
    except metadata.PackageNotFoundError:  # a checkout that nobody installed
        version = "not installed"
    return f"{version} (code {code_version()})"


if __name__ == "__main__":
    sys.exit(main())
