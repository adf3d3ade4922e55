#!/usr/bin/env python
"""gliomon's command line."""

import os
import sys

from gliomon.common.errors import GliomonError
from gliomon.embedded.environment import adopt


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gliomon.settings")
    try:
        # A gliomon that runs on this data directory hands its connections over; variables that are set win.
        adopt()
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except GliomonError as error:
        hint = " (is gliomon running? start it with: make run)" if error.code == "setting_missing" else ""
        sys.exit(f"{error.message}{hint}")


if __name__ == "__main__":
    main()
