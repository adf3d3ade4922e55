"""`run`: everything that one gliomon needs, from an empty folder to a page that answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from gliomon import env
from gliomon.embedded import foreground, preflight, services
from gliomon.embedded.children import Supervisor
from gliomon.embedded.datadir import DataDir
from gliomon.embedded.environment import data_dir, for_children, given
from gliomon.embedded.servers import Servers, embedded_database
from gliomon.embedded.steps import Steps

_READY_SECONDS = 180.0


def run() -> int:
    """Start gliomon, say where it is, and keep it running until somebody stops it."""
    data = data_dir()
    port = env.integer("GLIOMON_PORT", default=8000, low=1, high=65535)
    wanted = env.flag("GLIOMON_DEMO", default=True) if given("GLIOMON_DEMO") else None
    demo = preflight.require_consistent_demo(data, wanted, ours=embedded_database())
    steps = Steps(7 if demo else 6)
    supervisor = Supervisor(report=lambda words: print(words, flush=True))
    with Servers(data, supervisor) as servers, supervisor.signals():
        with steps.step("checks"):
            _check(data, port)
        if demo:
            data.demo_marker.touch()
        environ = for_children(servers.start(steps, demo=demo), data)
        _bring_up(supervisor, data, environ, steps, port=port, demo=demo)
        while not supervisor.stop_requested():
            supervisor.wait()
        print("stopping ...", flush=True)
    print("gliomon has stopped; its data stay in", data.root, flush=True)
    return 0


def _check(data: DataDir, port: int) -> None:
    preflight.require_space(data.root)
    preflight.require_free_port(port)


def _bring_up(
    supervisor: Supervisor, data: DataDir, environ: Mapping[str, str], steps: Steps, *, port: int, demo: bool
) -> None:
    with steps.step("tables"):
        foreground.manage(supervisor, ["migrate", "--no-input"], environ, data.log_of("migrate"))
    accounts = ""
    try:
        if demo:
            with steps.step("demo patients"):
                load = ["load_demo", "--if-empty"]
                accounts = foreground.manage(supervisor, load, environ, data.log_of("load_demo"))
        _start_services(supervisor, data, environ, steps, port=port)
        print(f"gliomon is ready at http://{preflight.HOST}:{port}", flush=True)
    finally:  # printed whatever happens: these passwords exist nowhere else
        print(accounts, end="", flush=True)


def _start_services(
    supervisor: Supervisor, data: DataDir, environ: Mapping[str, str], steps: Steps, *, port: int
) -> None:
    """Start all four at once, then wait for each."""
    background = [supervisor.start(spec) for spec in services.background(data, environ)]
    web = supervisor.start(services.web(data, environ, port))
    with steps.step("web"):
        healthy = partial(services.web_is_healthy, port)
        supervisor.wait_until(healthy, child=web, seconds=_READY_SECONDS, deaths=3)
    with steps.step("workers"):
        for child in background:
            ready = partial(services.is_ready, child)
            supervisor.wait_until(ready, child=child, seconds=_READY_SECONDS, deaths=3)
