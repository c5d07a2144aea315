"""Runs the environment's Command documents on nodes with Systems Manager, and waits for every node's answer.

Limits: 50 instance IDs per SendCommand, 50 invocations per page of ListCommandInvocations, 100 values per filter of
DescribeInstanceInformation:
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommandInvocations.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformationStringFilter.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from cfs.aws import AwsAccount, AwsError
from infra.naming import document_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cfs.clock import Clock

NodeCommandName = Literal["install", "probe", "drain"]
"""The stack names its documents `claudefs-<environment>-<command>`."""

NODES_PER_COMMAND = 50
NODES_PER_QUERY = 50
"""Page size of DescribeInstanceInformation."""

_PENDING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
_DELIVERY_SECONDS = 60
"""Time in which Systems Manager must deliver a command to a node; AWS's minimum is 30."""

_SHORTEST_POLL, _LONGEST_POLL = 1.0, 10.0
"""Seconds between two polls of a command's answers."""

_OUTPUT_CHARACTERS = 300
"""Number of characters shown from the end of a failed command's output."""


@dataclass(frozen=True, kw_only=True)
class NodeAnswer:
    """Result of a command on one node; after a failure, Systems Manager's status and the end of the output."""

    has_succeeded: bool
    detail: str = ""


class NodeCommandRunner:
    """Runs commands on the nodes of one environment."""

    def __init__(self, aws: AwsAccount, *, environment: str, clock: Clock, pause: Callable[[float], None]) -> None:
        """Take the account, the stack's name, and the function that waits between two polls."""
        self._aws = aws
        self._environment = environment
        self._clock = clock
        self._pause = pause

    def run_on_nodes(
        self, document: NodeCommandName, parameters: Mapping[str, str], nodes: Iterable[str], *, seconds: float
    ) -> dict[str, NodeAnswer]:
        """Run a document on nodes, and return their answers within `seconds`.

        A node that Systems Manager does not reach, or that does not answer in time, counts as failed. The caller has to
        check whether it still exists.
        """
        nodes = sorted(set(nodes))
        reachable = self._reachable_nodes(nodes)
        answers = {node: _unmanaged_answer() for node in nodes if node not in reachable}
        waiting: dict[str, set[str]] = {}
        for some in split_chunks(sorted(reachable), NODES_PER_COMMAND):
            for command, sent in self._send_command(document, parameters, some, answers):
                waiting[command] = set(sent)
        self._collect_answers(waiting, answers, seconds=seconds)
        return answers

    def _reachable_nodes(self, nodes: Sequence[str]) -> set[str]:
        reachable = {
            found["InstanceId"]
            for some in split_chunks(nodes, NODES_PER_QUERY)
            for found in self._aws.list_items(
                "ssm",
                "describe_instance_information",
                "InstanceInformationList[?PingStatus == 'Online']",
                Filters=[{"Key": "InstanceIds", "Values": some}],
                PaginationConfig={"PageSize": NODES_PER_QUERY},
            )
        }
        return reachable.intersection(nodes)

    def _send_command(
        self,
        document: NodeCommandName,
        parameters: Mapping[str, str],
        nodes: Sequence[str],
        answers: dict[str, NodeAnswer],
    ) -> Iterator[tuple[str, Sequence[str]]]:
        """Send a command to nodes. AWS refuses the whole call if one node is gone; the nodes are then halved."""
        name = document_name(self._environment, document)
        try:
            answer = self._aws.call_operation(
                "ssm",
                "send_command",
                DocumentName=name,
                InstanceIds=list(nodes),
                Parameters={name: [value] for name, value in parameters.items()},
                TimeoutSeconds=_DELIVERY_SECONDS,
                MaxConcurrency=str(NODES_PER_COMMAND),
                # The default, 0, would skip the other nodes once one has failed.
                MaxErrors="100%",
            )
        except AwsError as error:
            if error.code != "InvalidInstanceId":
                raise
            if len(nodes) == 1:
                answers[nodes[0]] = _unmanaged_answer()
                return
        else:
            yield answer["Command"]["CommandId"], nodes
            return
        half = len(nodes) // 2
        for part in (nodes[:half], nodes[half:]):
            yield from self._send_command(document, parameters, part, answers)

    def _collect_answers(self, waiting: dict[str, set[str]], answers: dict[str, NodeAnswer], *, seconds: float) -> None:
        deadline = self._clock.now() + timedelta(seconds=seconds)
        interval = _SHORTEST_POLL
        while waiting:
            for command in list(waiting):
                found = self._read_answers(command)
                answers.update({node: found[node] for node in waiting[command] & found.keys()})
                waiting[command] -= found.keys()
                if not waiting[command]:
                    del waiting[command]
            if waiting and self._clock.now() >= deadline:
                late = NodeAnswer(has_succeeded=False, detail=f"no answer within {seconds:.0f} s")
                answers.update({node: late for nodes in waiting.values() for node in nodes})
                return
            if waiting:
                self._pause(interval)
                interval = min(_LONGEST_POLL, interval * 1.5)

    def _read_answers(self, command: str) -> dict[str, NodeAnswer]:
        """Return the answers so far; Systems Manager may not yet list a command that was just sent."""
        try:
            invocations = list(
                self._aws.list_items(
                    "ssm",
                    "list_command_invocations",
                    "CommandInvocations",
                    CommandId=command,
                    Details=True,
                    PaginationConfig={"PageSize": 50},
                )
            )
        except AwsError as error:
            if error.code not in ("InvalidCommandId", "InvocationDoesNotExist"):
                raise
            return {}
        return {
            invocation["InstanceId"]: _parse_answer(invocation)
            for invocation in invocations
            if invocation["Status"] not in _PENDING
        }


def split_chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """Split a sequence into lists of at most `size` items."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _unmanaged_answer() -> NodeAnswer:
    return NodeAnswer(
        has_succeeded=False, detail="Systems Manager does not reach it: it is gone, or its agent is not running"
    )


def _parse_answer(invocation: Mapping[str, Any]) -> NodeAnswer:
    if invocation["Status"] == "Success":
        return NodeAnswer(has_succeeded=True)
    output = " ".join(plugin.get("Output", "") for plugin in invocation.get("CommandPlugins", []))
    # One line, for tables and messages.
    shown = " ".join(output.split())[-_OUTPUT_CHARACTERS:]
    status = invocation.get("StatusDetails") or invocation["Status"]
    return NodeAnswer(has_succeeded=False, detail=f"{status}: {shown}" if shown else status)
