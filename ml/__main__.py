"""`python -m ml`: the methods of the library under their older name."""

import sys

from ground_motion.cli.program import main

if __name__ == "__main__":
    sys.exit(main(prog="python -m ml"))
