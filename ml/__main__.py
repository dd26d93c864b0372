"""Ground motion from files, without a database. Bad input ends with exit code 2 and one line that names the remedy."""

import argparse
import sys

from ml.coherence import command as coherence
from ml.deformation import command as deformation
from ml.lab import evaluate_command as evaluation
from ml.lab import (
    recipes,  # noqa: F401 (registers what can be trained)
    train_command,
)
from ml.offsets import command as offsets
from ml.simulation import command as simulation

COMMANDS = {
    "deformation": deformation,
    "coherence": coherence,
    "offsets": offsets,
    "simulate": simulation,
    "train": train_command,
    "evaluate": evaluation,
}


def main(arguments: list[str] | None = None, prog: str = "python -m ml") -> int:
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, module in COMMANDS.items():
        child = commands.add_parser(name, help=module.__doc__)
        module.add_arguments(child)
        child.set_defaults(run=module.run)
    args = parser.parse_args(arguments)
    try:
        return args.run(args)
    except ValueError as fault:  # InputError is one
        print(fault, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
