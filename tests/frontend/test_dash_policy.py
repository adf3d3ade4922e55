"""No Dash callback answers anybody whom its policy does not name; undeclared means closed."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import dash
import pytest
from django.test import Client

from analytics.models import AlertAct
from frontend.dash_apps.alerts.app import screen as alerts
from frontend.dash_apps.bridge import dash_callbacks
from frontend.dash_apps.renderer_styles import DASH_VERSION
from frontend.dash_apps.survival.app import screen as survival
from patients.models import AuditAction, AuditEvent, User
from patients.permissions import ACTIONS
from tests.factories import people
from tests.factories.alerts import volume_alert
from tests.factories.dash_calls import message, post

CALLBACKS = [
    (survival, "survival-answer"),
    (alerts, "alert-list"),
    (alerts, "alert-detail"),
    (alerts, "acknowledged.data"),
]


def client_of(user: User, **options: Any) -> Client:
    client = Client(**options)
    client.force_login(user)
    return client


def test_every_callback_declares_an_action_of_the_table() -> None:
    found = dict(dash_callbacks())
    assert len(found) == len(CALLBACKS)
    undeclared = [name for name, policy in found.items() if policy is None or policy.action not in ACTIONS]
    assert undeclared == []


@pytest.mark.django_db
def test_a_callback_without_a_policy_stays_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    clinic = people.clinic()
    key = next(key for key in alerts.callback_map if "alert-detail" in key)
    entry = alerts.callback_map[key] | {"callback": lambda *_args, **_more: '{"leaked": true}'}
    monkeypatch.setitem(alerts.callback_map, key, entry)

    response = post(client_of(clinic.clinician), alerts, message(alerts, "alert-detail", {}))

    assert response.status_code == 403
    assert b"leaked" not in response.content
    assert dict(dash_callbacks())[f"alerts:{key}"] is None


@pytest.mark.django_db
@pytest.mark.parametrize(("screen", "output"), CALLBACKS, ids=[output for _, output in CALLBACKS])
def test_nobody_is_answered_without_login(screen: Any, output: str) -> None:
    assert post(Client(), screen, message(screen, output, {})).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("screen", [survival, alerts], ids=lambda screen: screen.screen_name)
@pytest.mark.parametrize(
    "part", ["", "_dash-layout", "_dash-dependencies", "_dash-component-suites/dash/deps/x.js"]
)
def test_no_part_of_a_screen_is_open_without_login(screen: Any, part: str) -> None:
    assert Client().get(f"/{screen.screen_name}/{part}", headers={"Accept": "*/*"}).status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("part", ["assets/x.js", "_reload-hash", "_favicon.ico", "_mcp", "anything/else"])
def test_other_addresses_of_the_inner_server_do_not_exist(part: str) -> None:
    clinic = people.clinic()
    assert client_of(clinic.clinician).get(f"/alerts/{part}").status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("output", ["alert-list", "alert-detail", "acknowledged.data"])
@pytest.mark.parametrize("role", ["researcher", "admin"])
def test_alerts_are_refused_to_other_roles(output: str, role: str) -> None:
    user = getattr(people.clinic(), role)
    client = client_of(user)
    assert client.get("/alerts/").status_code == 403
    assert post(client, alerts, message(alerts, output, {})).status_code == 403
    assert AuditEvent.objects.filter(actor=user, action=AuditAction.DENY, what="alert.view").count() == 2


@pytest.mark.django_db
def test_survival_is_refused_to_nurses_and_administrators() -> None:
    clinic = people.clinic()
    for user in (clinic.nurse, clinic.admin):
        client = client_of(user)
        assert client.get("/survival/").status_code == 403
        assert post(client, survival, message(survival, "survival-answer", {})).status_code == 403


@pytest.mark.django_db
def test_a_callback_needs_the_csrf_token() -> None:
    clinic = people.clinic()
    client = client_of(clinic.clinician, enforce_csrf_checks=True)
    body = message(alerts, "alert-list", {"url.search": ""})

    assert post(client, alerts, body).status_code == 403
    assert post(client, alerts, body, headers={"X-CSRFToken": "x" * 32}).status_code == 403

    token = client.get("/alerts/").cookies["csrftoken"].value
    assert post(client, alerts, body, headers={"X-CSRFToken": token}).status_code == 200


@pytest.mark.django_db
def test_only_clinicians_acknowledge() -> None:
    clinic = people.clinic()
    alert = volume_alert(clinic.patient)
    body = message(
        alerts, "acknowledged.data", {"alert-acknowledge.n_clicks": 1, "url.search": f"?alert={alert.pk}"}
    )
    for user in (clinic.nurse, clinic.radiologist, clinic.data_manager):
        assert post(client_of(user), alerts, body).status_code == 403
    assert not AlertAct.objects.exists()

    assert post(client_of(clinic.clinician), alerts, body).status_code == 200
    assert AlertAct.objects.get().by == clinic.clinician


@pytest.mark.django_db
def test_another_teams_alert_does_not_exist() -> None:
    mine, other = people.clinic("north"), people.clinic("south")
    alert = volume_alert(other.patient)
    client = client_of(mine.clinician)
    search = {"url.search": f"?alert={alert.pk}", "alert-acknowledge.n_clicks": 1}

    opened = post(client, alerts, message(alerts, "alert-detail", search))
    taken = post(client, alerts, message(alerts, "acknowledged.data", search))
    listed = post(client, alerts, message(alerts, "alert-list", {"url.search": "?status=all"}))

    assert opened.status_code == 200
    assert b"no such alert" in opened.content
    assert taken.status_code == 404
    for response in (opened, taken, listed):
        assert other.patient.key.encode() not in response.content
    assert not AlertAct.objects.exists()
    assert AuditEvent.objects.filter(actor=mine.clinician, action=AuditAction.DENY).count() == 2
    assert not AuditEvent.objects.filter(patient=other.patient, actor=mine.clinician).exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("not a message", 422),
        ([], 422),
        ({}, 422),
        ({"output": 5}, 422),
        ({"output": "secret.children"}, 404),
        ({"output": "alert-detail.children"}, 422),
        ({"output": "alert-detail.children", "inputs": "x", "outputs": {}, "changedPropIds": []}, 422),
        ({"output": "alert-detail.children", "inputs": [1, 2], "outputs": [None], "changedPropIds": 3}, 422),
    ],
)
def test_a_malformed_message_is_refused_without_a_server_error(body: Any, status: int) -> None:
    clinic = people.clinic()
    assert post(client_of(clinic.clinician), alerts, body).status_code == status


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value",
    [
        None,
        7,
        [],
        {"a": 1},
        "?alert=%00",
        "?patient=%00&status=%00",
        "?cohort=%00&where=%00:%00",
        "%ff",
        "\x00",
        "?alert=x&alert=y",
        "?" + "a=1&" * 30,
    ],
)
def test_values_of_any_shape_are_answered(value: Any) -> None:
    clinic = people.clinic()
    client = client_of(clinic.clinician)
    for screen, output in CALLBACKS[:3]:
        names = [f"{item['id']}.{item['property']}" for item in message(screen, output, {})["inputs"]]
        body = message(screen, output, dict.fromkeys(names, value), changed=tuple(names[:1]))
        assert post(client, screen, body).status_code == 200


@pytest.mark.django_db
def test_the_page_opens_its_policy_for_the_renderer_and_nothing_else() -> None:
    clinic = people.clinic()
    response = client_of(clinic.clinician).get("/survival/")
    policy = response["Content-Security-Policy"]
    scripts = next(part for part in policy.split(";") if part.strip().startswith("script-src"))
    assert "unsafe" not in policy
    assert scripts.count("sha256-") == 1
    assert "sha256-" not in next(
        part
        for part in client_of(clinic.clinician).get("/")["Content-Security-Policy"].split(";")
        if part.strip().startswith("script-src")
    )


@pytest.mark.django_db
def test_the_page_is_the_sites_own_with_its_banner() -> None:
    clinic = people.clinic()
    page = client_of(clinic.clinician).get("/alerts/").content.decode()
    assert "Not a medical device" in page
    assert 'aria-label="Main"' in page
    assert 'id="react-entry-point"' in page
    assert "http://" not in page.replace("http://www.w3.org", "")


@pytest.mark.django_db
def test_the_renderers_scripts_are_served_here_and_cached() -> None:
    clinic = people.clinic()
    client = client_of(clinic.clinician)
    page = client.get("/alerts/").content.decode()
    address = next(part for part in page.split('"') if "dash_renderer" in part and part.endswith(".js"))
    response = client.get(address)
    assert response.status_code == 200
    assert "max-age=31536000" in response["Cache-Control"]


def test_the_listed_styles_belong_to_the_installed_dash() -> None:
    assert dash.__version__ == DASH_VERSION


def test_dash_brings_no_heavy_library_into_the_web_process() -> None:
    code = "import sys, dash, plotly.graph_objects; print([m for m in ('torch', 'monai', 'SimpleITK') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
