"""Systems Manager Automation, which moto lacks: runs a document's steps against the emulated account.

It supports the actions and step properties of this project's documents. Steps take no time. If the account's gate is
on, steps run with the rights of the document's role.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import jmespath
from botocore.exceptions import BotoCoreError, ClientError
from moto.core.botocore_stubber import BotocoreStubber
from moto.moto_api._internal import mock_random

from local.aws.iam.account import ACCOUNT_ID
from local.aws.iam.gate import ACCOUNT_GATE, AccessRefusedError
from local.aws.iam.in_process import guard_client

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.aws.iam.evaluation import Principal

DocumentStep = dict[str, Any]

_AUTOMATION_INPUTS = ("Service", "Api", "PropertySelector", "DesiredValues")
_MAX_STEPS = 100
"""Limit that ends a document with a loop; more than the steps of any document."""


class StepError(Exception):
    """A step has failed, for the reason in the message."""


class ParametersError(Exception):
    """A document does not accept the parameters; the message describes the first problem."""


@dataclass(frozen=True, kw_only=True)
class StepExecution:
    """The result of one step.

    Attributes:
        name: The step's name.
        action: The step's action.
        failure: The reason for its failure, or "".
    """

    name: str
    action: str
    failure: str = ""

    @property
    def step_status(self) -> str:
        """Systems Manager's status of the step."""
        return "Failed" if self.failure else "Success"


@dataclass(kw_only=True)
class AutomationExecution:
    """One run of a document.

    Attributes:
        id: The execution ID.
        document: The document's name.
        parameters: The parameters of the run.
        status: `Success`, or `Failed` if a critical step failed.
        steps: Results of the steps, in order of execution.
    """

    id: str
    document: str
    parameters: Mapping[str, list[str]]
    status: str = "Success"
    steps: list[StepExecution] = field(default_factory=list)


def run_document(name: str, content: str, parameters: Mapping[str, list[str]], *, region: str) -> AutomationExecution:
    """Run a document to its end.

    Raises:
        ParametersError: The parameters are not those that the document declares.
    """
    document = json.loads(content)
    _check_parameters(document.get("parameters", {}), parameters)
    execution = AutomationExecution(id=str(mock_random.uuid4()), document=name, parameters=parameters)
    role = _fill_parameters(document.get("assumeRole", ""), parameters)
    try:
        with ACCOUNT_GATE.acting_as(_assume_role(role, execution.id, region) if role else None):
            _run_steps(document, execution, region)
    except AccessRefusedError:
        execution.status = "Failed"
    return execution


def _assume_role(role: str, execution_id: str, region: str) -> Principal | None:
    """Assume a document's role, as Systems Manager does before the first step."""
    return ACCOUNT_GATE.assume_for_service(
        "ssm.amazonaws.com",
        role,
        session=f"Automation-{execution_id}",
        source_arn=f"arn:aws:ssm:{region}:{ACCOUNT_ID}:automation-execution/{execution_id}",
    )


def _run_steps(document: Mapping[str, Any], execution: AutomationExecution, region: str) -> None:
    parameters = execution.parameters
    written: list[DocumentStep] = json.loads(_fill_parameters(json.dumps(document["mainSteps"]), parameters))
    places = {step["name"]: place for place, step in enumerate(written)}
    place = 0
    while place < len(written) and len(execution.steps) < _MAX_STEPS:
        step = written[place]
        failure = _run_step(step, region)
        execution.steps.append(StepExecution(name=step["name"], action=step["action"], failure=failure))
        if failure and step.get("isCritical", True):
            execution.status = "Failed"
        following = _next_step(step, failed=bool(failure))
        if following is None:
            break
        place = places[following] if following else place + 1


def _check_parameters(declared: Mapping[str, Mapping[str, str]], given: Mapping[str, list[str]]) -> None:
    if set(declared) != set(given):
        raise ParametersError(f"Parameters {sorted(given)} were given, but {sorted(declared)} are wanted.")
    for name, parameter in declared.items():
        for value in given[name]:
            if not re.search(parameter.get("allowedPattern", ""), value):
                raise ParametersError(f"Parameter {name} does not match {parameter['allowedPattern']}: {value}")


def _fill_parameters(text: str, parameters: Mapping[str, list[str]]) -> str:
    """Replace references to parameters, within strings of a JSON text, by their values."""
    return re.sub(r"\{\{ *(\w+) *\}\}", lambda found: json.dumps(parameters[found[1]][0])[1:-1], text)


def _next_step(step: DocumentStep, *, failed: bool) -> str | None:
    """Return the name of the next step; "" for the following one in the document, None at the end."""
    on_failure: str = step.get("onFailure", "Abort")
    if failed and on_failure.startswith("step:"):
        return on_failure.removeprefix("step:")
    if step.get("isEnd") or (failed and on_failure == "Abort"):
        return None
    return str(step.get("nextStep", ""))


def _run_step(step: DocumentStep, region: str) -> str:
    """Run a step; return the reason for its failure, or ""."""
    try:
        _ACTIONS[step["action"]](step["inputs"], region)
    except (StepError, ClientError, BotoCoreError) as error:
        return str(error)
    return ""


def _call_api(service: str, api: str, parameters: Mapping[str, Any], region: str) -> Any:
    """Call the emulated account in-process, as a network request would wait for the current one to finish."""
    client = _in_process_client(service, region)
    operations = {named: method for method, named in client.meta.method_to_api_mapping.items()}
    return getattr(client, operations[api])(**parameters)


@cache
def _in_process_client(service: str, region: str) -> Any:
    client: Any = boto3.client(
        service,
        region_name=region,
        aws_access_key_id="automation",
        aws_secret_access_key="automation",  # noqa: S106 — the emulator does not check it
    )
    guard_client(client, ACCOUNT_GATE.admit_own_call)
    inside = BotocoreStubber()
    inside.enabled = True
    client.meta.events.register("before-send", inside)
    return client


def _execute_api(inputs: Mapping[str, Any], region: str) -> Any:
    given = {key: value for key, value in inputs.items() if key not in _AUTOMATION_INPUTS}
    return _call_api(inputs["Service"], inputs["Api"], given, region)


def _assert_property(inputs: Mapping[str, Any], region: str) -> None:
    # A path of names and indices is the same in JSONPath and JMESPath, except for the leading `$.`.
    found = jmespath.search(inputs["PropertySelector"].removeprefix("$."), _execute_api(inputs, region))
    if found not in inputs["DesiredValues"]:
        raise StepError(f"{inputs['PropertySelector']} is {found}, not one of {inputs['DesiredValues']}")


def _run_command(inputs: Mapping[str, Any], region: str) -> None:
    command = _call_api("ssm", "SendCommand", inputs, region)["Command"]
    for instance in command["InstanceIds"]:
        asked = {"CommandId": command["CommandId"], "InstanceId": instance}
        status = _call_api("ssm", "GetCommandInvocation", asked, region)["Status"]
        if status != "Success":
            raise StepError(f"{inputs['DocumentName']} on {instance}: {status}")


def _skip_sleep(_inputs: Mapping[str, Any], _region: str) -> None:
    """Return immediately."""


_ACTIONS = {
    "aws:executeAwsApi": _execute_api,
    "aws:assertAwsResourceProperty": _assert_property,
    "aws:runCommand": _run_command,
    "aws:sleep": _skip_sleep,
}
