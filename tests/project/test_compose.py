"""docker-compose.yml and the images, checked without an engine: schema, declarations, commands, Dockerfiles."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from focus_store.queue import SAMPLE, TRAIN
from focus_store.settings import Settings
from worker.laboratory import services

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILES = sorted((ROOT / "docker").glob("*.Dockerfile"))
PROFILES = ["cpu", "gpu"]
APPS = {"migrate", "dashboard", "train", "sample", "train-gpu0", "sample-gpu0", "train-gpu1", "sample-gpu1"}
BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    plain: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return plain


def has_compose_plugin() -> bool:
    docker = shutil.which("docker")
    found = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    return bool(found)


def in_profile(service: dict[str, Any], profile: str) -> bool:
    return profile in service.get("profiles", [profile])


def test_the_file_fits_the_schema_of_compose_files() -> None:
    command = [str(BIN / "check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("profile", PROFILES)
def test_docker_reads_it_in_every_profile(profile: str) -> None:
    if not has_compose_plugin():
        pytest.skip("docker's compose plugin is not here: docker-compose.yml was checked by its schema alone")
    command = ["docker", "compose", "-f", str(COMPOSE), "--profile", profile, "config", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing_in_a_dockerfile(dockerfile: Path) -> None:
    done = subprocess.run([str(BIN / "hadolint"), str(dockerfile)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_everything_that_a_service_names_is_declared_and_everything_declared_is_used(compose: dict[str, Any]) -> None:
    used: dict[str, set[str]] = {"volumes": set(), "secrets": set(), "networks": set()}
    for service in compose["services"].values():
        used["volumes"] |= {mount.partition(":")[0] for mount in service.get("volumes", [])}
        used["secrets"] |= set(service.get("secrets", []))
        used["networks"] |= set(service["networks"])
    for kind, names in used.items():
        assert names == set(compose[kind]), kind


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_has_the_services_that_its_own_wait_for(compose: dict[str, Any], profile: str) -> None:
    present = {name for name, service in compose["services"].items() if in_profile(service, profile)}
    for name in present:
        for other, how in compose["services"][name].get("depends_on", {}).items():
            assert other in present
            if how["condition"] == "service_healthy":
                assert "healthcheck" in compose["services"][other]
    lanes = [compose["services"][name]["command"][7] for name in present if name.partition("-")[0] in (TRAIN, SAMPLE)]
    assert lanes.count(TRAIN) == lanes.count(SAMPLE) == {"cpu": 1, "gpu": 2}[profile]


def test_every_command_is_one_that_make_stack_runs(compose: dict[str, Any]) -> None:
    expected = {
        "migrate": services.migrate("python"),
        "dashboard": services.dashboard(8501, "0.0.0.0", "python"),
        "train": services.worker(TRAIN, python="python"),
        "sample": services.worker(SAMPLE, python="python"),
    }
    assert set(compose["services"]) == APPS | {"postgres", "redis"}
    for name in APPS:
        assert compose["services"][name]["command"] == expected[name.partition("-")[0]], name


def test_of_a_gpu_s_pair_both_get_that_gpu_and_no_other(compose: dict[str, Any]) -> None:
    for index in ("0", "1"):
        for lane in (TRAIN, SAMPLE):
            service = compose["services"][f"{lane}-gpu{index}"]
            (device,) = service["deploy"]["resources"]["reservations"]["devices"]
            assert (device["device_ids"], device["capabilities"]) == ([index], ["gpu"])


def test_services_restrict_themselves(compose: dict[str, Any]) -> None:
    """Not root, no password in an environment, nothing listens beyond this machine, and each tells its health."""
    for name, service in compose["services"].items():
        assert name in APPS or service["user"] not in ("root", "0")
        assert (
            not any("PASSWORD" in key and not key.endswith("_FILE") for key in service["environment"])
            if ("environment" in service)
            else True
        )
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert name == "migrate" or "healthcheck" in service
    for dockerfile in DOCKERFILES:
        assert "\nUSER 10001" in dockerfile.read_text()


def test_the_image_of_the_pages_has_no_torch() -> None:
    assert "science" not in (ROOT / "docker" / "dashboard.Dockerfile").read_text()
    assert "science" in (ROOT / "docker" / "worker.Dockerfile").read_text()


def test_what_the_images_copy_and_the_watcher_syncs_is_there(compose: dict[str, Any]) -> None:
    copied = [line.split()[2:-1] for f in DOCKERFILES for line in f.read_text().splitlines() if line[:4] == "COPY"]
    watched = [rule["path"] for s in compose["services"].values() for rule in s.get("develop", {}).get("watch", [])]
    names = [name for names in copied for name in names] + watched
    assert names
    assert [name for name in names if not (ROOT / name).exists()] == []
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert [name for name in names if f"!{Path(name).parts[0]}" not in allowed] == []


def test_the_settings_of_the_services_are_accepted(
    compose: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords come from their files, also those with characters that addresses must quote."""
    variables = {key: str(value) for key, value in compose["services"]["train"]["environment"].items()}
    (tmp_path / "secret").write_text("p@ss/w:rd\n")
    for key in ("FOCUS_DATABASE_PASSWORD_FILE", "FOCUS_BROKER_PASSWORD_FILE"):
        assert variables[key].removeprefix("/run/secrets/") in compose["secrets"]
        variables[key] = str(tmp_path / "secret")
    settings = Settings.from_environment(variables)
    assert settings.database_url == "postgresql+psycopg://focus:p%40ss%2Fw%3Ard@postgres/focus"
    assert settings.broker_url == "redis://:p%40ss%2Fw%3Ard@redis:6379/0"
    assert settings.heartbeat_file == Path("/tmp/heartbeat")


def test_the_secrets_are_made_once_and_closed(tmp_path: Path, compose: dict[str, Any]) -> None:
    environment = {"PATH": "/usr/bin:/bin", "FOCUS_SECRETS": str(tmp_path / "secrets")}
    script = str(ROOT / "docker" / "make_secrets.sh")
    subprocess.run([script], env=environment, check=True, capture_output=True)
    first = {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}
    subprocess.run([script], env=environment, check=True, capture_output=True)
    assert {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()} == first
    assert set(first) == set(compose["secrets"])
    assert all(len(password) == 48 for password in first.values())
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
