"""Nodes that boot and run the environment's commands; moto's instances do nothing and always report success."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult
from moto.ec2 import ec2_backends
from moto.ec2.models.instances import InstanceBackend
from moto.ssm.exceptions import SSMException
from moto.ssm.models import Command, SimpleSystemManagerBackend
from moto.ssm.responses import SimpleSystemManagerResponse

from infra.tags import PROJECT_NAME
from local.aws import nodes
from local.aws.conditions import ACCOUNT_CONDITIONS
from local.aws.gaps.lifecycle_hooks import complete_launch

if TYPE_CHECKING:
    from moto.ec2.models.instances import Instance, Reservation

_NODE_DOCUMENTS = ("install", "probe", "drain")
_BOOT_SECONDS = 150.0


def close_node_gaps() -> None:
    """Close the gaps of nodes."""
    _boot_nodes()
    _run_commands()
    _list_invocations()
    _describe_managed_instances()


def _boot_nodes() -> None:
    run_instances = InstanceBackend.run_instances

    def run_and_boot(self: InstanceBackend, *args: Any, **kwargs: Any) -> Reservation:
        reservation = run_instances(self, *args, **kwargs)
        for instance in reservation.instances:
            ACCOUNT_CONDITIONS.delay_change(_BOOT_SECONDS, partial(_boot_node, instance))
        return reservation

    InstanceBackend.run_instances = run_and_boot


def _boot_node(instance: Instance) -> None:
    """Boot an instance that has not been terminated meanwhile, and answer its launch hook, as `prepare.sh` does."""
    if instance.state in ("pending", "running"):
        booted = nodes.boot_node(instance)
        if booted is not None:
            complete_launch(instance, "CONTINUE" if booted else "ABANDON")


def _run_commands() -> None:
    # This replaces moto's method instead of wrapping it, so a second call changes nothing.
    def send_command(self: SimpleSystemManagerBackend, **given: Any) -> Command:
        name = given["document_name"]
        document = name.rpartition("-")[2]
        ours = name.startswith(f"{PROJECT_NAME}-") and document in _NODE_DOCUMENTS
        if ours:
            _check_command(self, name, given["parameters"])
        instances = _all_instances(self)
        lost = [id_ for id_ in given["instance_ids"] if id_ not in instances or not nodes.is_reachable(instances[id_])]
        if lost:
            raise SSMException("InvalidInstanceId", f"Instances {lost} not in a valid state for account")
        asked = list(given["instance_ids"])
        command = Command(account_id=self.account_id, backend_region=self.region_name, **given)
        if not given["targets"]:
            # Without targets, moto selects all instances.
            command.instance_ids = asked
            command.invocations = [of for of in command.invocations if of["InstanceId"] in asked]
        if ours:
            parameters = {key: values[0] for key, values in given["parameters"].items()}
            for invocation in command.invocations:
                result = nodes.run_node_command(instances[invocation["InstanceId"]], document, parameters)
                status = "Success" if result.succeeded else "Failed"
                invocation |= {
                    "Status": status,
                    "StatusDetails": status,
                    "ResponseCode": int(not result.succeeded),
                    "StandardOutputContent": result.output,
                }
        self._commands.append(command)
        return command

    SimpleSystemManagerBackend.send_command = send_command


def _check_command(backend: SimpleSystemManagerBackend, name: str, parameters: dict[str, list[str]]) -> None:
    """Refuse a missing document, and parameters that contradict the document's declaration, as Systems Manager does."""
    if name not in backend._documents:  # noqa: SLF001 — not available elsewhere
        raise SSMException("InvalidDocument", f"Document {name} does not exist.")
    declared = json.loads(backend._documents[name].get_default_version().content)["parameters"]  # noqa: SLF001
    wrong = [
        key
        for key in declared.keys() | parameters.keys()
        if key not in declared
        or not re.fullmatch(declared[key].get("allowedPattern", ".*"), "".join(parameters.get(key, [])))
    ]
    if wrong:
        raise SSMException("InvalidParameters", f"Parameters {sorted(wrong)} of {name} are not as declared.")


def _list_invocations() -> None:
    def list_command_invocations(self: SimpleSystemManagerResponse) -> ActionResult:
        command = self.ssm_backend.get_command_by_id(self._get_param("CommandId"))
        details = bool(self._get_param("Details", False))  # noqa: FBT003
        start, size = int(self._get_param("NextToken", "0")), int(self._get_param("MaxResults", 50))
        page = command.invocations[start : start + size]
        answer: dict[str, Any] = {
            "CommandInvocations": [
                {
                    **{key: invocation[key] for key in ("CommandId", "InstanceId", "DocumentName")},
                    "Status": invocation["Status"],
                    "StatusDetails": invocation["StatusDetails"],
                    "CommandPlugins": [
                        {
                            "Name": invocation["PluginName"],
                            "Status": invocation["Status"],
                            "Output": invocation["StandardOutputContent"],
                        }
                    ]
                    if details
                    else [],
                }
                for invocation in page
            ]
        }
        if start + size < len(command.invocations):
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)

    SimpleSystemManagerResponse.list_command_invocations = list_command_invocations


def _describe_managed_instances() -> None:
    def describe_instance_information(self: SimpleSystemManagerResponse) -> ActionResult:
        filters = {given["Key"]: given["Values"] for given in self._get_param("Filters", [])}
        instances = _all_instances(self.ssm_backend)
        wanted = filters.get("InstanceIds", list(instances))
        found = [
            {
                "InstanceId": id_,
                "PingStatus": "Online" if nodes.is_reachable(instance) else "ConnectionLost",
                "ResourceType": "EC2Instance",
            }
            for id_, instance in instances.items()
            if id_ in wanted and instance.state in ("running", "stopped")
        ]
        start, size = int(self._get_param("NextToken", "0")), int(self._get_param("MaxResults", 50))
        answer: dict[str, Any] = {"InstanceInformationList": found[start : start + size]}
        if start + size < len(found):
            answer["NextToken"] = str(start + size)
        return ActionResult(answer)

    SimpleSystemManagerResponse.describe_instance_information = describe_instance_information


def _all_instances(backend: SimpleSystemManagerBackend) -> dict[str, Instance]:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    return {instance.id: instance for reservation in ec2.all_reservations() for instance in reservation.instances}
