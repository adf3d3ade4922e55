"""gliomon's launcher: `python -m gliomon.embedded run | exec [--temporary] -- COMMAND | env | stop`."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time

from gliomon.common.errors import DomainError, GliomonError
from gliomon.embedded import preflight

_STOP_SECONDS = 60.0


def main() -> int:
    """Do what the command line says; 2 for what a person must mend, 1 for what did not work."""
    try:
        preflight.require_python()
        preflight.require_linux()
        return _dispatch(_parser().parse_args())
    except DomainError as error:
        print(error.message, file=sys.stderr)
        return 2
    except GliomonError as error:
        print(error.message, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped before it was ready", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gliomon.embedded", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start everything and stay until Ctrl-C")
    execute = commands.add_parser("exec", help="run a command with database and broker")
    execute.add_argument("--temporary", action="store_true", help="in a data directory that is then removed")
    execute.add_argument("words", nargs="+", metavar="COMMAND")
    commands.add_parser("env", help="print the variables of the gliomon that runs here")
    commands.add_parser("stop", help="end the gliomon that runs here")
    return parser


def _dispatch(arguments: argparse.Namespace) -> int:
    from gliomon.embedded import environment, execute, run  # after the check of Python's version

    temporary = arguments.command == "exec" and arguments.temporary
    if not temporary:
        environment.read_dotenv(environment.PROJECT / ".env", os.environ)
    if arguments.command == "run":
        return run.run()
    if arguments.command == "exec":
        return execute.execute(arguments.words, temporary=temporary)
    return _print_environment() if arguments.command == "env" else _stop()


def _print_environment() -> int:
    from gliomon.embedded import environment

    data = environment.data_dir()
    found = environment.running(data)
    if not found:
        raise DomainError("not_running", f"No gliomon runs on {data.root}.")
    for key, value in (found | {"GLIOMON_DATA_DIR": str(data.root)}).items():
        print(f"export {key}={shlex.quote(value)}")
    return 0


def _stop() -> int:
    from gliomon.embedded import datadir, environment

    data = environment.data_dir()
    lock = datadir.Lock(data)
    holder = lock.holder()
    if holder is None:
        raise DomainError("not_running", f"No gliomon runs on {data.root}.")
    os.kill(holder, signal.SIGTERM)
    limit = time.monotonic() + _STOP_SECONDS
    while lock.holder() is not None and time.monotonic() < limit:
        time.sleep(0.1)
    return 0 if lock.holder() is None else 1


if __name__ == "__main__":
    sys.exit(main())
