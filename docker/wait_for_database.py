"""Wait until a database answers its role, or say in one sentence why it does not.

`python docker/wait_for_database.py DATABASE_URL`; GLIOMON_DATABASE_WAIT_SECONDS limits the wait.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import psycopg

from gliomon import env
from gliomon.common.errors import DomainError

_PAUSE_SECONDS = 1.0
_CONNECT_SECONDS = 5


def main(name: str) -> int:
    """Return 0 when the database that the setting names answers."""
    try:
        database = env.database(name)
        seconds = env.integer("GLIOMON_DATABASE_WAIT_SECONDS", default=60, low=0, high=3600)
    except (DomainError, OSError) as error:
        return _say(str(error))
    started = time.monotonic()
    reason = _wait(database, started + seconds)
    if reason:
        where = f"{database['HOST'] or 'the local socket'}:{database['PORT'] or 5432}"
        waited = f"after {time.monotonic() - started:.0f} s"
        return _say(f"The database at {where} does not let {database['USER']} in {waited}: {reason}")
    return 0


def _wait(database: dict[str, Any], limit: float) -> str:
    """Try until it works or the time is up; a refused password is final. Returns the reason, empty for success."""
    while True:
        reason = _try(database, limit)
        if not reason or "password authentication failed" in reason or time.monotonic() >= limit:
            return reason
        time.sleep(max(0.0, min(_PAUSE_SECONDS, limit - time.monotonic())))


def _try(database: dict[str, Any], limit: float) -> str:
    patience = max(2, min(_CONNECT_SECONDS, int(limit - time.monotonic()) + 1))
    try:
        psycopg.connect(
            dbname=database["NAME"],
            user=database["USER"],
            password=database["PASSWORD"],
            host=database["HOST"] or None,
            port=database["PORT"] or None,
            connect_timeout=patience,
        ).close()
    except psycopg.OperationalError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        return lines[0].removeprefix("connection failed: ") if lines else type(error).__name__
    return ""


def _say(sentence: str) -> int:
    sys.stderr.write(f"{sentence}\n")
    return 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(_say("usage: wait_for_database.py NAME_OF_THE_SETTING"))
    sys.exit(main(sys.argv[1]))
