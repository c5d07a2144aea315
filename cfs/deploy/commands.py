"""Runs the environment's Command documents on nodes, by Systems Manager, and waits for every node's answer.

Limits: SendCommand takes at most 50 instance ids, ListCommandInvocations gives at most 50 invocations a page, a filter
of DescribeInstanceInformation at most 100 values:
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommandInvocations.html
https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformationStringFilter.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from cfs.aws import code
from cfs.deploy.aws import asking
from infra.cluster.documents import document_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from cfs.deploy.clock import Clock

Document = Literal["install", "probe", "drain"]
"""What nodes are told to do; the stack names its documents `claudefs-<environment>-<this>`."""

NODES_A_COMMAND = 50
"""How many instance ids one SendCommand takes."""

NODES_A_QUESTION = 50
"""How many nodes one DescribeInstanceInformation gives."""

_PENDING = frozenset({"Pending", "InProgress", "Delayed", "Cancelling"})
_DELIVERY_SECONDS = 60
"""How long Systems Manager tries to reach a node; it takes no less than 30."""

_SHORTEST_LOOK, _LONGEST_LOOK = 1.0, 10.0
"""Seconds between two looks at a command's answers: at first and at most."""

_OUTPUT_CHARACTERS = 300
"""As much of a failed command's output is shown: its end."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of a command on one node.

    Attributes:
        ok: Whether it succeeded.
        detail: Why not: Systems Manager's status and the end of the output.
    """

    ok: bool
    detail: str = ""


class Commands:
    """Runs commands on the nodes of one environment."""

    def __init__(self, ssm: Any, *, environment: str, clock: Clock, pause: Callable[[float], None]) -> None:
        """Take boto3's client, the stack's name, and what lets time pass while answers are waited for."""
        self._ssm = ssm
        self._environment = environment
        self._clock = clock
        self._pause = pause

    def run(
        self, document: Document, parameters: Mapping[str, str], nodes: Iterable[str], *, seconds: float
    ) -> dict[str, Answer]:
        """Run a document on some nodes and give each one's answer.

        A node that Systems Manager does not reach, or that has not answered in time, has failed like one that says
        so; whether it is still there is for the caller to find out.

        Args:
            document: What they do.
            parameters: With what.
            nodes: Their instance ids.
            seconds: How long all answers may take.

        Raises:
            UserError: AWS refuses or does not answer.
        """
        nodes = sorted(set(nodes))
        reachable = self._reachable(nodes)
        answers = {node: _unmanaged() for node in nodes if node not in reachable}
        waiting: dict[str, set[str]] = {}
        for some in chunks(sorted(reachable), NODES_A_COMMAND):
            for command, sent in self._send(document, parameters, some, answers):
                waiting[command] = set(sent)
        self._collect(waiting, answers, seconds=seconds)
        return answers

    def _reachable(self, nodes: Sequence[str]) -> set[str]:
        reachable = set()
        for some in chunks(nodes, NODES_A_QUESTION):
            with asking("find out which nodes Systems Manager reaches"):
                pages = self._ssm.get_paginator("describe_instance_information").paginate(
                    Filters=[{"Key": "InstanceIds", "Values": some}],
                    PaginationConfig={"PageSize": NODES_A_QUESTION},
                )
                reachable |= {
                    found["InstanceId"]
                    for page in pages
                    for found in page["InstanceInformationList"]
                    if found["PingStatus"] == "Online"
                }
        return reachable.intersection(nodes)

    def _send(
        self, document: Document, parameters: Mapping[str, str], nodes: Sequence[str], answers: dict[str, Answer]
    ) -> Iterator[tuple[str, Sequence[str]]]:
        """Send to all; one node that is gone makes AWS refuse the whole call, so the rest is sent apart from it."""
        name = document_name(self._environment, document)
        with asking(f"run {name} on {len(nodes)} nodes"):
            try:
                answer = self._ssm.send_command(
                    DocumentName=name,
                    InstanceIds=list(nodes),
                    Parameters={name: [value] for name, value in parameters.items()},
                    TimeoutSeconds=_DELIVERY_SECONDS,
                    MaxConcurrency=str(NODES_A_COMMAND),
                    # The default, 0, would spare the other nodes of a call once one has failed.
                    MaxErrors="100%",
                )
            except ClientError as error:
                if code(error) != "InvalidInstanceId":
                    raise
                if len(nodes) == 1:
                    answers[nodes[0]] = _unmanaged()
                    return
            else:
                yield answer["Command"]["CommandId"], nodes
                return
        half = len(nodes) // 2
        for part in (nodes[:half], nodes[half:]):
            yield from self._send(document, parameters, part, answers)

    def _collect(self, waiting: dict[str, set[str]], answers: dict[str, Answer], *, seconds: float) -> None:
        deadline = self._clock.now() + timedelta(seconds=seconds)
        interval = _SHORTEST_LOOK
        while waiting:
            for command in list(waiting):
                found = self._answers(command)
                answers.update({node: found[node] for node in waiting[command] & found.keys()})
                waiting[command] -= found.keys()
                if not waiting[command]:
                    del waiting[command]
            if waiting and self._clock.now() >= deadline:
                late = Answer(ok=False, detail=f"no answer within {seconds:.0f} s")
                answers.update({node: late for nodes in waiting.values() for node in nodes})
                return
            if waiting:
                self._pause(interval)
                interval = min(_LONGEST_LOOK, interval * 1.5)

    def _answers(self, command: str) -> dict[str, Answer]:
        """Give the answers that are there; right after the sending Systems Manager may not know of the command yet."""
        with asking("read what came of a command"):
            try:
                pages = self._ssm.get_paginator("list_command_invocations").paginate(
                    CommandId=command, Details=True, PaginationConfig={"PageSize": 50}
                )
                invocations = [invocation for page in pages for invocation in page["CommandInvocations"]]
            except ClientError as error:
                if code(error) not in ("InvalidCommandId", "InvocationDoesNotExist"):
                    raise
                return {}
        return {
            invocation["InstanceId"]: _answer(invocation)
            for invocation in invocations
            if invocation["Status"] not in _PENDING
        }


def chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    """Cut a sequence into lists of at most `size`."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _unmanaged() -> Answer:
    return Answer(ok=False, detail="Systems Manager does not reach it: it is gone, or its agent is not running")


def _answer(invocation: Mapping[str, Any]) -> Answer:
    if invocation["Status"] == "Success":
        return Answer(ok=True)
    output = " ".join(plugin.get("Output", "") for plugin in invocation.get("CommandPlugins", []))
    # One line: it goes into tables and messages.
    said = " ".join(output.split())[-_OUTPUT_CHARACTERS:]
    status = invocation.get("StatusDetails") or invocation["Status"]
    return Answer(ok=False, detail=f"{status}: {said}" if said else status)
