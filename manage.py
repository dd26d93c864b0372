#!/usr/bin/env python
"""Django's command line for this project: `python manage.py help`."""

import sys

if __name__ == "__main__":
    from django.core.management import execute_from_command_line

    from monitor.start.process import process_prepare

    process_prepare()
    execute_from_command_line(sys.argv)
