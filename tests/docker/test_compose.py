"""compose.yaml: its schema, and every path, variable and command that it names."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers.running import s3_server

ROOT = Path(__file__).parents[2]
HERE = ROOT / "docker"
COMPOSE: dict[str, Any] = yaml.safe_load((HERE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, one in SERVICES.items() if one["image"].startswith("varifactory:")]
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:[-?])?([^}]*)\}")


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def test_it_is_a_compose_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         str(HERE / "compose.yaml")],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_every_variable_is_explained_and_no_password_has_a_default() -> None:
    example = (HERE / "env.example").read_text()
    explained = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", example, re.MULTILINE))
    for name, kind, rest in (found for text in texts(COMPOSE) for found in VARIABLE.findall(text)):
        assert name in explained, f"{name} is not in env.example"
        if any(word in name for word in ("PASSWORD", "KEY", "AUTH")):
            assert kind == ":?", f"{name} has a default"
            assert explained[name] == "", f"{name} has a value in env.example"
            assert "docker/.env" in rest
        else:
            assert kind == ":-", f"{name} has no default"
            assert explained[name] == rest


def test_every_service_is_watched_and_waits_for_what_it_needs() -> None:
    for name, one in SERVICES.items():
        ends = one.get("restart") == "no"
        check = one.get("healthcheck", {})
        from_image = name.startswith("worker-")
        assert check.get("test") or from_image or (ends and check.get("disable"))
        for other, wish in (one.get("depends_on") or {}).items():
            over = SERVICES[other].get("restart") == "no"
            assert wish["condition"] == (
                "service_completed_successfully" if over else "service_healthy"
            )


@pytest.mark.parametrize("name", OURS)
def test_ours_may_little(name: str) -> None:
    one = SERVICES[name]
    assert one["read_only"]
    assert one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert "user" not in one, "the image's own user, who is not root"
    assert one["init"]
    build = one["build"]
    assert (HERE / build["context"] / build["dockerfile"]).is_file()
    targets = re.findall(r" AS (\w+)", (HERE / "Dockerfile").read_text())
    assert build["target"] in targets
    assert one["image"] == f"varifactory:{build['target']}"


@pytest.mark.parametrize("name", [n for n in OURS if "command" in SERVICES[n]])
def test_a_command_takes_the_options_it_is_given(name: str) -> None:
    program, *words = SERVICES[name]["command"]
    assert program == "python"
    if words[0] != "-m":
        assert (ROOT / words[0]).is_file()
        return
    shown = subprocess.run(
        [sys.executable, "-m", words[1], "--help"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert not [word for word in words[2:] if word.startswith("--") and word not in shown]


def test_mounts_name_volumes_or_files_that_are_there() -> None:
    for one in SERVICES.values():
        for mount in one.get("volumes", ()):
            source = mount.split(":")[0]
            assert source in COMPOSE["volumes"] or (HERE / source).exists()
        for file in one.get("env_file", ()):
            assert file["required"] is False
            ignored = (ROOT / ".gitignore").read_text()
            assert f"docker/{file['path']}" in ignored
    assert "docker/.env\n" in (ROOT / ".gitignore").read_text()


def test_only_the_server_is_published_and_only_here() -> None:
    published = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert published == {"server": ["${BIND:-127.0.0.1}:${PORT:-4200}:4200"]}


def test_images_of_others_are_pinned() -> None:
    for name, one in SERVICES.items():
        if name not in OURS:
            assert re.search(r":\d", one["image"]), f"{name}: {one['image']}"


def test_the_bucket_is_created_once_on_a_real_server(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES["bucket"]["environment"]
    given = {name: "testing" for name in environment if "KEY" in name}
    for name in environment:
        monkeypatch.setenv(name, given.get(name, "us-east-1"))
    monkeypatch.setenv("VARIFACTORY_STORE", "s3://fresh-bucket/store")
    with s3_server("moto") as port:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, str(HERE / "create_bucket.py")],
                capture_output=True, text=True, check=False, timeout=60,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr
            assert "fresh-bucket is there" in done.stdout


def test_a_health_check_fails_where_nobody_answers() -> None:
    done = subprocess.run(
        [sys.executable, str(HERE / "healthy.py"), "http://127.0.0.1:9/"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0


def test_the_kubernetes_template_is_complete() -> None:
    """Every placeholder is a variable with a description, as Prefect's worker resolves them."""
    template = json.loads((ROOT / "deployments/work-pools/kubernetes.json").read_text())
    variables = template["variables"]["properties"]
    named = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(template["job_configuration"])))
    assert named == set(variables)
    assert all(one.get("description") for one in variables.values())
    pod = template["job_configuration"]["job_manifest"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == 10001
    (container,) = pod["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "{{ secret }}"}}]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == "{{ cards }}"
    assert {mount["name"] for mount in container["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }


def test_prefect_takes_the_kubernetes_template(prefect_server: str) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate

    template = json.loads((ROOT / "deployments/work-pools/kubernetes.json").read_text())
    with get_client(sync_client=True) as client:
        made = client.create_work_pool(
            WorkPoolCreate(name="cluster", type="kubernetes", base_job_template=template)
        )
        assert made.base_job_template == template
        client.delete_work_pool("cluster")
