"""Commands on nodes: three programs, each an SSM Command document with checked parameters.

Who may send one of the documents runs its program and nothing else. AWS's own `AWS-RunShellScript` would be a shell of
root's for everybody who deploys.
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
    """A program on the nodes and how it is run.

    Attributes:
        program: Its path on a node.
        description: What it does.
        parameters: Its arguments, in their order.
        timeout_seconds: When the agent on the node ends it and counts it as failed.
    """

    program: str
    description: str
    parameters: tuple[DocumentParameter, ...]
    timeout_seconds: int

    def document_content(self) -> str:
        """Return the document, by schema 2.2.

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
                            # exec: the program's exit status is the command's.
                            "runCommand": [f"exec {self.program} {arguments}"],
                            "timeoutSeconds": str(self.timeout_seconds),
                        },
                    }
                ],
            },
            indent=2,
        )


DRAIN_SECONDS = 110
"""Spot instances get two minutes' notice; 10 seconds of it go by until the node hears of it:
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
"""The documents' contents by name; the whole name is `claudefs-<environment>-<name>`."""


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
        documents: Their names, by what they run.
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
