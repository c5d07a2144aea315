"""Systems Manager: public parameters for Canonical's images, and Automation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ec2 import ec2_backends
from moto.ssm.exceptions import SSMException
from moto.ssm.models import Parameter, ParameterDict
from moto.ssm.responses import SimpleSystemManagerResponse

from local.aws import automation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moto.ssm.models import SimpleSystemManagerBackend

_CANONICAL_IMAGES = "/aws/service/canonical/ubuntu/server"


def close_ssm_gaps() -> None:
    """Close the gaps of this service."""
    _name_canonical_images()
    _run_automations()


def start_automation(
    backend: SimpleSystemManagerBackend, name: str, parameters: Mapping[str, list[str]]
) -> automation.AutomationExecution:
    """Run an Automation document of the account, and store its execution."""
    content = json.dumps(backend._get_documents(name).get_default_version().content_json)  # noqa: SLF001 — raises AWS's error for an unknown name
    try:
        execution = automation.run_document(name, content, parameters, region=backend.region_name)
    except automation.ParametersError as error:
        raise SSMException("InvalidAutomationExecutionParametersException", str(error)) from None
    _automation_executions(backend)[execution.id] = execution
    return execution


def _name_canonical_images() -> None:
    check_loading_status = ParameterDict._check_loading_status  # noqa: SLF001 — moto loads public parameters here

    def check_with_canonical(self: ParameterDict, key: str) -> None:
        check_loading_status(self, key)
        if key.startswith(_CANONICAL_IMAGES) and not dict.__contains__(self, key):
            dict.__setitem__(self, key, [_image_parameter(self, key)])

    ParameterDict._check_loading_status = check_with_canonical  # noqa: SLF001


def _image_parameter(parameters: ParameterDict, name: str) -> Parameter:
    images = ec2_backends[parameters.account_id][parameters.region_name].describe_images()
    ubuntu = next(image for image in images if (image.name or "").startswith("ubuntu/images/"))
    return Parameter(
        account_id=parameters.account_id,
        name=name,
        value=ubuntu.id,
        parameter_type="String",
        description=None,
        allowed_pattern=None,
        keyid=None,
        last_modified_date=utcnow(),
        version=1,
        data_type="aws:ec2:image",
    )


def _run_automations() -> None:
    def start_automation_execution(self: SimpleSystemManagerResponse) -> ActionResult:
        execution = start_automation(
            self.ssm_backend, self._get_param("DocumentName"), self._get_param("Parameters", {})
        )
        return ActionResult({"AutomationExecutionId": execution.id})

    def get_automation_execution(self: SimpleSystemManagerResponse) -> ActionResult:
        execution = _automation_executions(self.ssm_backend).get(self._get_param("AutomationExecutionId"))
        if execution is None:
            raise SSMException("AutomationExecutionNotFoundException", "There is no such automation execution.")
        steps = [
            {
                "StepName": step.name,
                "Action": step.action,
                "StepStatus": step.step_status,
                **({"FailureMessage": step.failure} if step.failure else {}),
            }
            for step in execution.steps
        ]
        return ActionResult({"AutomationExecution": {**_execution_summary(execution), "StepExecutions": steps}})

    def describe_automation_executions(self: SimpleSystemManagerResponse) -> ActionResult:
        filters = {given["Key"]: given["Values"] for given in self._get_param("Filters", [])}
        prefixes = tuple(filters.get("DocumentNamePrefix", [""]))
        found = [
            _execution_summary(of)
            for of in _automation_executions(self.ssm_backend).values()
            if of.document.startswith(prefixes)
        ]
        # Newest first.
        return ActionResult({"AutomationExecutionMetadataList": found[::-1]})

    SimpleSystemManagerResponse.start_automation_execution = start_automation_execution
    SimpleSystemManagerResponse.get_automation_execution = get_automation_execution
    SimpleSystemManagerResponse.describe_automation_executions = describe_automation_executions


def _automation_executions(backend: SimpleSystemManagerBackend) -> dict[str, automation.AutomationExecution]:
    """Return the backend's executions by ID; moto does not store them."""
    executions: dict[str, automation.AutomationExecution] = vars(backend).setdefault("automation_executions", {})
    return executions


def _execution_summary(execution: automation.AutomationExecution) -> dict[str, object]:
    return {
        "AutomationExecutionId": execution.id,
        "DocumentName": execution.document,
        "DocumentVersion": "1",
        "AutomationExecutionStatus": execution.status,
        "Parameters": dict(execution.parameters),
    }
