#!/usr/bin/env python
"""Django's command line for this project: `python manage.py help`."""

import sys

if __name__ == "__main__":
    from monitor.start.process import command_run

    sys.exit(command_run(sys.argv))
