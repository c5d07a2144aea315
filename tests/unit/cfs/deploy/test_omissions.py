"""A deployment from a settings file that lacks settings of the deployed stack is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from cfs.deploy.omissions import STACK_TYPE, refuse_omissions
from infra.naming import CONFIG_NAMESPACE

if TYPE_CHECKING:
    from pathlib import Path

ENCRYPTED = {"secure": "v1:x"}


def deployed_with(*names: str) -> dict[str, Any]:
    return {"steps": [{"op": "same", "oldState": {"type": STACK_TYPE, "outputs": {"settings": list(names)}}}]}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return tmp_path / "Pulumi.prod.yaml"


def refused(preview: dict[str, Any], settings: Path, **config: object) -> list[str]:
    settings.write_text(
        yaml.safe_dump({"config": {f"{CONFIG_NAMESPACE}:{key}": value for key, value in config.items()}})
    )
    return refuse_omissions(preview, settings, stack="prod")


def test_missing_settings_are_named_with_the_repair(settings: Path) -> None:
    preview = deployed_with("alertEmails", "environmentSecrets.KEPT", "environmentSecrets.LOST", "githubSubject")

    [refusal] = refused(preview, settings, alertEmails=["me@example.org"], environmentSecrets={"KEPT": ENCRYPTED})

    assert refusal.startswith(
        "Pulumi.prod.yaml lacks environmentSecrets.LOST, githubSubject, with which prod was deployed"
    )
    assert "gh variable set INFRA_REF --body COMMIT" in refusal


@pytest.mark.parametrize(
    "name, config",
    [
        pytest.param("holidays", {"holidays": []}, id="the default, written down"),
        pytest.param("previewSecrets.TOKEN", {"previewSecrets": ENCRYPTED}, id="secrets that are encrypted together"),
        pytest.param("clusterSize", {}, id="what an option of a run has set"),
    ],
)
def test_a_setting_in_another_form_is_not_missing(settings: Path, name: str, config: dict[str, object]) -> None:
    assert refused(deployed_with(name), settings, **config) == []


@pytest.mark.parametrize("preview", [{"steps": []}, {"steps": [{"op": "create"}]}, {}], ids=["none", "new", "failed"])
def test_a_stack_without_recorded_settings_lacks_none(settings: Path, preview: dict[str, Any]) -> None:
    assert refused(preview, settings) == []
