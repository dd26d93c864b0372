"""Ground motion from files, without a database. Bad input ends with exit code 2 and one line that names the remedy."""

import argparse
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from types import ModuleType
from typing import NamedTuple


class Command(NamedTuple):
    """A command: the module with its `add_arguments` and `run`, and one line of help.

    one_thread: compute with one thread, as the service does, because more of them round in another order.
    """

    module: str
    help: str
    one_thread: bool = False


ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
COMMANDS = {
    "deformation": Command("ground_motion.cli.deformation", "areas that move, out of a velocity field"),
    "coherence": Command("ground_motion.cli.coherence", "coherence of two radar images, and its change"),
    "offsets": Command("ground_motion.cli.offsets", "offsets between two radar images"),
    "verify": Command("ground_motion.cli.verify", "whether an alert's sealed evidence is what it was", True),
    "inspect": Command("ground_motion.cli.inspect", "what files are taken for, and what stands in them"),
    "simulate": Command("lab.simulate_command", "simulated data with their truth"),
    "train": Command("lab.train_command", "train a model on simulated data"),
    "evaluate": Command("lab.evaluate_command", "measure methods against a known truth"),
}


def main(arguments: list[str] | None = None, prog: str = "ground-motion") -> int:
    """Run one command and return its exit code. Only the module of that command is imported."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog=prog, description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # Names of files may hold what a terminal cannot show.
    try:
        for name, command in COMMANDS.items():
            child = commands.add_parser(name, help=command.help)
            if given[:1] == [name]:
                if command.one_thread:
                    os.environ.update(ONE_THREAD)  # Libraries read this once, when they are imported.
                module = _import(name, command.module)
                module.add_arguments(child)
                child.set_defaults(run=module.run)
        args = parser.parse_args(given)
        code: int = args.run(args)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # The program that read the output, such as head, has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ValueError as fault:  # InputError is one
        print(fault, file=sys.stderr)
        return 2


def _import(name: str, module: str) -> ModuleType:
    """Import the module of a command. ValueError if it belongs to the laboratory and that is not installed."""
    try:
        return import_module(module)
    except ModuleNotFoundError as fault:
        if not module.startswith("lab.") or not fault.name or not module.startswith(fault.name):
            raise
        raise ValueError(
            f"'{name}' belongs to the laboratory, which is not installed: run it in a checkout of the repository."
        ) from None
