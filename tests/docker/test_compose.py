"""The compose file is read, not run: no Docker engine is needed."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

PROJECT = Path(__file__).resolve().parents[2]
DOCKER = PROJECT / "docker"
OURS = {"migrate", "web", "beat", "worker-default", "worker-imaging", "worker-gpu"}
_DEFAULTED = re.compile(r"\$\{[A-Z_]+:-([^}]*)\}")
_QUEUES = {"default", "imaging", "gpu", "alerts"}


def _with_defaults(value: Any) -> Any:
    """Put each variable's default in its place, as compose does in an empty environment."""
    if isinstance(value, dict):
        return {key: _with_defaults(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_defaults(item) for item in value]
    return _DEFAULTED.sub(r"\1", value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    text = (DOCKER / "compose.yml").read_text()
    assert re.findall(r"(?<!\$)\$\{(?![A-Z_]+:-)", text) == [], "every variable has a default"
    return _with_defaults(YAML(typ="safe").load(text))


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, Any]:
    return compose["services"]


def test_everything_that_was_promised_is_there(services: dict[str, Any]) -> None:
    assert set(services) == OURS | {"postgres", "valkey", "orthanc"}


def test_only_web_is_exposed_and_only_on_this_machine(services: dict[str, Any]) -> None:
    assert {name: item["ports"] for name, item in services.items() if "ports" in item} == {
        "web": ["127.0.0.1:8000:8000"]
    }
    assert not any("network_mode" in item for item in services.values())


def test_only_web_is_on_a_network_with_a_way_out(compose: dict[str, Any], services: dict[str, Any]) -> None:
    inside = {name for name, item in compose["networks"].items() if item.get("internal")}
    assert inside == {"inside"}
    assert {name for name, item in services.items() if set(item["networks"]) - inside} == {"web"}


def test_every_service_is_checked_or_runs_once(services: dict[str, Any]) -> None:
    for name, item in services.items():
        check = item["healthcheck"]
        if check.get("disable"):
            assert item["restart"] == "no", f"{name} runs on and nobody looks after it"
        else:
            assert check["test"], name


def test_images_name_a_version(services: dict[str, Any]) -> None:
    for name, item in services.items():
        image, _, tag = item["image"].partition(":")
        assert image, name
        assert tag, f"{name} has no tag"
        assert tag != "latest", name


def test_secrets_come_from_files_and_never_as_values(
    compose: dict[str, Any], services: dict[str, Any]
) -> None:
    assert all(item["file"].startswith("./secrets/") for item in compose["secrets"].values())
    for name, item in services.items():
        for key, value in item.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|TOKEN|_URL", key)
            assert not secret or key.endswith("_FILE"), f"{name}: {key} is given as a value"
            if key.endswith("_FILE"):
                assert value.removeprefix("/run/secrets/") in item["secrets"], f"{name}: {key}"
    assert not re.search(r"://[^\s/]*:[^\s/]*@", (DOCKER / "compose.yml").read_text()), (
        "a URL with a password"
    )


def test_make_secrets_makes_exactly_the_files_that_are_mounted(
    compose: dict[str, Any], tmp_path: Path
) -> None:
    subprocess.run([DOCKER / "make-secrets", tmp_path / "secrets"], check=True, capture_output=True)
    made = {path.name for path in (tmp_path / "secrets").iterdir()}
    assert made == {Path(item["file"]).name for item in compose["secrets"].values()}


def test_only_the_migration_sees_the_owner_of_the_database(services: dict[str, Any]) -> None:
    def holders(secret: str) -> set[str]:
        return {name for name, item in services.items() if secret in item.get("secrets", [])}

    assert holders("database_owner_url") == {"migrate"}
    assert holders("owner_password") == {"postgres"}
    assert holders("database_url") == OURS


def test_services_wait_for_what_they_need(services: dict[str, Any]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in OURS - {"migrate"}:
        conditions = {key: value["condition"] for key, value in services[name]["depends_on"].items()}
        assert conditions == {
            "migrate": "service_completed_successfully",
            "postgres": "service_healthy",
            "valkey": "service_healthy",
        }, name


def test_containers_are_kept_small_in_rights(services: dict[str, Any]) -> None:
    for name, item in services.items():
        assert item["cap_drop"] == ["ALL"], name
        assert item["security_opt"] == ["no-new-privileges:true"], name
        assert not item.get("privileged"), name
        assert item["read_only"] is (name != "orthanc"), name
        assert not any("docker.sock" in str(volume) for volume in item.get("volumes", [])), name


def test_gpu_worker_is_a_profile_with_a_reserved_device(services: dict[str, Any]) -> None:
    gpu = services["worker-gpu"]
    assert gpu["profiles"] == ["gpu"]
    assert gpu["environment"]["GLIOMON_DEVICE"] == "cuda"
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert [name for name, item in services.items() if "deploy" in item] == ["worker-gpu"]


def test_every_queue_has_a_worker_without_any_profile(services: dict[str, Any]) -> None:
    served = [
        item["command"][1].split(",")
        for item in services.values()
        if item.get("command", [""])[0] == "worker" and "profiles" not in item
    ]
    assert sorted(queue for queues in served for queue in queues) == sorted(_QUEUES)


def test_commands_are_known_to_the_entrypoint(services: dict[str, Any]) -> None:
    for name in sorted(OURS):
        command = [str(DOCKER / "entrypoint"), *services[name]["command"]]
        done = subprocess.run(
            command,
            env=os.environ | {"GLIOMON_ENTRYPOINT_DRY_RUN": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), name


def test_built_images_exist_as_targets(services: dict[str, Any]) -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\S+)$", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE))
    assert {"web", "worker", "worker-gpu"} <= targets
    for name in sorted(OURS):
        build = services[name]["build"]
        assert build["target"] in targets, name
        assert (PROJECT / "docker" / build["context"]).resolve() == PROJECT


def test_context_of_the_build_lets_neither_data_nor_secrets_in() -> None:
    lines = (DOCKER / "Dockerfile.dockerignore").read_text().split("\n")
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*", "everything is left out first"
    allowed = {rule[1:] for rule in rules if rule.startswith("!")}
    assert allowed.isdisjoint({".", "var", ".env", ".git", "docker", "docker/secrets"})
    missing = [name for name in sorted(allowed) if not (PROJECT / name).exists()]
    assert missing == []
