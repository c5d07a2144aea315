"""Commands on nodes: three programs, each run by an SSM Command document with checked parameters.

A principal that may send one of these documents can run only its program. With AWS's `AWS-RunShellScript`, everybody
who deploys would have a root shell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pulumi_aws import ssm

from infra.boot.userdata import PROGRAM_FOLDER
from infra.cluster.documents import DocumentParameter
from infra.component import Component
from infra.naming import document_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pulumi

    from infra.stack_context import StackContext
    from infra.tags import Tags

CommandName = Literal["drain", "install", "probe"]
"""Name of a command; the last part of the document's name."""


@dataclass(frozen=True, kw_only=True)
class NodeCommand:
    """A program on the nodes and its document's parameters.

    Attributes:
        program: Path of the program on a node.
        description: Description of the document.
        parameters: Arguments of the program, in order.
        timeout_seconds: Time after which the SSM agent kills the program and reports failure, in seconds.
    """

    program: str
    description: str
    parameters: tuple[DocumentParameter, ...]
    timeout_seconds: int

    def document_content(self) -> str:
        """Return the document in schema 2.2.

        https://docs.aws.amazon.com/systems-manager/latest/userguide/documents-command-ssm-plugin-reference.html
        """
        arguments = " ".join(f"'{parameter.parameter_reference}'" for parameter in self.parameters)
        return json.dumps(
            {
                "schemaVersion": "2.2",
                "description": self.description,
                "parameters": {parameter.name: parameter.to_json() for parameter in self.parameters},
                "mainSteps": [
                    {
                        "action": "aws:runShellScript",
                        "name": "run",
                        "inputs": {
                            # exec makes the program's exit status the command's.
                            "runCommand": [f"exec {self.program} {arguments}"],
                            "timeoutSeconds": str(self.timeout_seconds),
                        },
                    }
                ],
            },
            indent=2,
        )


DRAIN_SECONDS = 110
"""Time-out of the drain. Spot instances get two minutes' notice, of which 10 seconds are reserved for its delivery:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""

DRAIN_REASON_PARAMETER = DocumentParameter(
    name="Reason",
    description="why the node leaves, for its log",
    pattern="^[a-z][a-z-]{0,39}$",
    example="spot-interruption",
)
RELEASE_KEY_PARAMETER = DocumentParameter(
    name="ReleaseKey",
    description="the release's description in the artifact bucket",
    pattern=r"^releases/[0-9a-f]{40}/release\.json$",
    example=f"releases/{'0123456789' * 4}/release.json",
)
RELEASE_SHA256_PARAMETER = DocumentParameter(
    name="Sha256",
    description="the SHA-256 of that description",
    pattern="^[0-9a-f]{64}$",
    example="0123456789abcdef" * 4,
)
EXPECTED_VERSION_PARAMETER = DocumentParameter(
    name="ExpectedVersion",
    description="the version that the node must have",
    pattern=r"^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$",
    example="v0.7.0-rc.1",
)

NODE_COMMANDS: Mapping[CommandName, NodeCommand] = {
    "drain": NodeCommand(
        program=f"{PROGRAM_FOLDER}/drain",
        description="ClaudeFS: stop the node's services in order, for it is going away",
        parameters=(DRAIN_REASON_PARAMETER,),
        timeout_seconds=DRAIN_SECONDS,
    ),
    "install": NodeCommand(
        program=f"{PROGRAM_FOLDER}/install-release",
        description="ClaudeFS: install a release whose checksum and attestation are right",
        parameters=(RELEASE_KEY_PARAMETER, RELEASE_SHA256_PARAMETER),
        timeout_seconds=600,
    ),
    "probe": NodeCommand(
        program=f"{PROGRAM_FOLDER}/probe",
        description="ClaudeFS: check that the node's services run in a version and are ready",
        parameters=(EXPECTED_VERSION_PARAMETER,),
        timeout_seconds=60,
    ),
}
"""The commands by name; a document's full name is `claudefs-<environment>-<name>`."""


@dataclass(frozen=True, kw_only=True)
class NodeCommandsArgs:
    """Inputs of the documents.

    Attributes:
        stack: The stack.
    """

    stack: StackContext


class NodeCommands(Component):
    """The Command documents of one environment.

    Attributes:
        documents: Names of the documents, by command.
    """

    documents: Mapping[CommandName, pulumi.Output[str]]

    def __init__(self, name: str, *, args: NodeCommandsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the documents."""
        super().__init__(name, opts=opts)
        self.documents = {
            command: self._declare_document(command, of, tags=args.stack.tags).name
            for command, of in NODE_COMMANDS.items()
        }
        self.register_declared_outputs()

    def _declare_document(self, command: CommandName, node_command: NodeCommand, *, tags: Tags) -> ssm.Document:
        return ssm.Document(
            command,
            name=document_name(tags.environment, command),
            document_type="Command",
            document_format="JSON",
            target_type="/AWS::EC2::Instance",
            content=node_command.document_content(),
            tags=tags.for_resource(command, role="commands"),
            opts=self.child_options(),
        )
