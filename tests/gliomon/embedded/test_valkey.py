from __future__ import annotations

import os
import signal

import pytest
import redis

from gliomon.embedded.children import Supervisor
from gliomon.embedded.credentials import Credentials
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.valkey import Valkey


@pytest.fixture
def broker(data: DataDir, credentials: Credentials, supervisor: Supervisor) -> Valkey:
    made = Valkey(data, credentials)
    made.start(supervisor)
    return made


def _client(broker: Valkey) -> redis.Redis:
    return redis.Redis.from_url(broker.url(), socket_timeout=5)


def test_key_survives_a_kill(
    broker: Valkey, data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    _client(broker).set("work", "to do")
    os.kill(supervisor.children.pop("valkey").process.pid, signal.SIGKILL)
    again = Valkey(data, credentials)
    again.start(supervisor)
    assert _client(again).get("work") == b"to do"


def test_orphan_is_ended_before_a_new_server_opens_its_files(
    broker: Valkey, data: DataDir, credentials: Credentials, supervisor: Supervisor
) -> None:
    _client(broker).set("work", "to do")
    old = supervisor.children.pop("valkey")
    again = Valkey(data, credentials)
    again.start(supervisor)
    assert old.process.wait(timeout=10) is not None
    assert _client(again).get("work") == b"to do"


def test_supervisor_brings_a_killed_broker_back_at_the_same_address(
    broker: Valkey, supervisor: Supervisor
) -> None:
    _client(broker).set("work", "to do")
    child = supervisor.children["valkey"]
    os.kill(child.process.pid, signal.SIGKILL)
    supervisor.wait_until(lambda: child.deaths > 0 and broker._answers(), child=child, seconds=15)
    assert _client(broker).get("work") == b"to do"


def test_password_is_needed_and_not_on_the_command_line(
    broker: Valkey, credentials: Credentials, supervisor: Supervisor
) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(broker.url().replace(credentials.broker, ""), socket_timeout=5).ping()
    assert credentials.broker not in " ".join(supervisor.children["valkey"].spec.command)


def test_settings_file_is_private_and_bound_to_loopback(broker: Valkey, data: DataDir) -> None:
    settings = data.run / "valkey.conf"
    assert settings.stat().st_mode & 0o077 == 0
    assert "bind 127.0.0.1\n" in settings.read_text()
