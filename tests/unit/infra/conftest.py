"""Declares components with a recording stand-in for the engine, without network, credentials or processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import subprocess
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import pulumi
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from pulumi.runtime import mocks as pulumi_mocks
from pulumi.runtime import rpc
from pulumi.runtime.proto.source_pb2 import StackTrace
from pulumi.runtime.stack import run_pulumi_func

from infra.access.job_scope import JobScope
from infra.stack_context import SecuredStack
from infra.tags import Tags

if TYPE_CHECKING:
    from pathlib import Path

    from pulumi.runtime.proto import resource_pb2

T = TypeVar("T")

PROJECT = "claudefs-infra"
STACK = "test"
REGION = "us-west-2"
ZONES = [f"{REGION}{letter}" for letter in "abcd"]
"""The account's availability zones."""
ACCOUNT_ID: str = DEFAULT_ACCOUNT_ID
TREE: list[dict[str, str]] = []
"""Files of the repository's default branch; tests change this list."""
IMAGE = "ami-0123456789abcdef0"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource registered by the program.

    Attributes:
        type: Type token, for example `aws:s3/bucket:Bucket` or `claudefs:infra:Storage`.
        name: Logical name.
        custom: False for a component.
        parent: Name of the parent, or None for the stack.
        parent_type: Type of the parent, or None for the stack.
        inputs: Inputs in camel case, with every output resolved.
        protect: Whether the engine refuses to delete or replace the resource.
        retain_on_delete: Whether the engine keeps the resource in the account when it is removed from the stack.
        delete_before_replace: Whether a replacement deletes the old resource first.
        replacement_trigger: Value whose change triggers a replacement, or None.
        ignore_changes: Inputs with changes that the engine ignores.
        import_id: ID of the existing resource to adopt, or "".
        awaits: Types and names of the resources on which it depends.
    """

    type: str
    name: str
    custom: bool
    parent: str | None
    parent_type: str | None
    inputs: dict[str, Any]
    protect: bool
    retain_on_delete: bool
    delete_before_replace: bool
    replacement_trigger: str | None
    ignore_changes: tuple[str, ...]
    import_id: str
    awaits: frozenset[tuple[str, str]]

    @property
    def depends_on(self) -> frozenset[str]:
        """Names of the resources on which it depends."""
        return frozenset(name for _, name in self.awaits)

    @property
    def tags(self) -> dict[str, str]:
        """The resource's tags; an Auto Scaling group has a list, with a flag for propagation to nodes."""
        tags = self.inputs.get("tags", {})
        if isinstance(tags, list):
            return {tag["key"]: tag["value"] for tag in tags}
        return cast("dict[str, str]", tags)

    def document(self, key: str = "policy") -> dict[str, Any]:
        """Parse an input that is a JSON document."""
        return cast("dict[str, Any]", json.loads(self.inputs[key]))


@dataclass(frozen=True, kw_only=True)
class Invoke:
    """A call of a provider function by the program."""

    token: str
    args: dict[str, Any]


@dataclass
class Recorder:
    """Registrations of a program.

    Attributes:
        resources: Components and resources, in order.
        invokes: Calls of provider functions, in order.
        outputs: Registered outputs by the name of the component or stack.
        result: The program's return value, with outputs resolved.
    """

    resources: list[Resource] = field(default_factory=list)
    invokes: list[Invoke] = field(default_factory=list)
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    result: Any = None

    def of(self, type_: str) -> list[Resource]:
        """Return the resources of a type; `Bucket` matches any type token that ends with `:Bucket`."""
        return [of for of in self.resources if of.type == type_ or of.type.endswith(f":{type_}")]

    def every(self, type_: str) -> list[Resource]:
        """Return the resources of a type, and assert that there are some."""
        assert self.of(type_), f"no {type_} is declared"
        return self.of(type_)

    def one(self, type_: str, name: str | None = None) -> Resource:
        """Return the only resource of a type, with a name if given."""
        found = [of for of in self.of(type_) if name in (None, of.name)]
        assert len(found) == 1, f"{type_} {name or ''}: {[of.name for of in self.of(type_)]}"
        return found[0]

    @property
    def custom(self) -> list[Resource]:
        """Resources of providers."""
        return [of for of in self.resources if of.custom]

    @property
    def components(self) -> list[Resource]:
        """Component resources."""
        return [of for of in self.resources if not of.custom]


class _Answers(pulumi_mocks.Mocks):
    """Answers like a provider, with outputs that are not inputs if the program reads them."""

    def call(self, args: pulumi_mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]  # the mocks take a bare dictionary too
        answers: dict[str, dict[str, Any]] = {
            "aws:index/getCallerIdentity:getCallerIdentity": {
                "accountId": ACCOUNT_ID,
                "arn": f"arn:aws:iam::{ACCOUNT_ID}:user/test",
                "id": ACCOUNT_ID,
                "userId": "test",
            },
            "aws:index/getRegion:getRegion": {"region": REGION, "name": REGION, "id": REGION},
            "aws:index/getAvailabilityZones:getAvailabilityZones": {"names": ZONES, "id": REGION},
            "aws:ssm/getParameter:getParameter": {"value": IMAGE, "insecureValue": IMAGE, "id": "parameter"},
            "github:index/getUser:getUser": {"id": "7"},
            "github:index/getTeam:getTeam": {"id": "8"},
            "github:index/getTree:getTree": {"entries": TREE, "id": "tree"},
        }
        return {**args.args, **answers[args.token]}

    def new_resource(self, args: pulumi_mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if not args.custom:
            return "", args.inputs
        kind = re.sub(r"(?<!^)(?=[A-Z])", "-", args.typ.rpartition(":")[2]).lower()
        service = args.typ.split(":")[1].partition("/")[0]
        identifier = args.resource_id or str(args.inputs.get("bucket") or f"{kind}-{args.name}")
        name = str(args.inputs.get("name") or args.inputs.get("bucket") or f"{args.name}-name")
        arn = f"arn:aws:s3:::{name}" if service == "s3" else f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{kind}/{name}"
        computed = {
            "arn": arn,
            "name": name,
            "keyId": identifier,
            "privateIp": "10.0.0.10",
            "publicIp": "",
            "uniqueId": f"unique-{args.name}",
            "number": 1,
            "latestVersion": 7,
        }
        return identifier, {**computed, **args.inputs}


class _Monitor(pulumi_mocks.MockMonitor):
    """Records complete requests, as the SDK's mocks hide parents and options."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(_Answers())
        self._recorder = recorder

    def Invoke(self, request: resource_pb2.ResourceInvokeRequest) -> object:  # noqa: N802 — named by the engine's protocol
        self._recorder.invokes.append(Invoke(token=request.tok, args=rpc.deserialize_properties(request.args)))
        return super().Invoke(request)  # type: ignore[no-untyped-call]  # the mocks are untyped

    def RegisterResource(self, request: resource_pb2.RegisterResourceRequest) -> object:  # noqa: N802 — named by the engine's protocol
        registered: object = super().RegisterResource(request)  # type: ignore[no-untyped-call]  # the mocks are untyped
        if request.type == "pulumi:pulumi:Stack":
            return registered
        parent_type, parent = _parent(request.parent)
        self._recorder.resources.append(
            Resource(
                type=request.type,
                name=request.name,
                custom=bool(request.custom),
                parent=parent,
                parent_type=parent_type,
                inputs=rpc.deserialize_properties(request.object),
                protect=bool(request.protect),
                retain_on_delete=bool(request.retainOnDelete),
                delete_before_replace=bool(request.deleteBeforeReplace),
                replacement_trigger=request.replacement_trigger.string_value or None,
                ignore_changes=tuple(request.ignoreChanges),
                import_id=request.importId,
                awaits=frozenset(map(_type_and_name, request.dependencies)),
            )
        )
        return registered

    def RegisterResourceOutputs(self, request: resource_pb2.RegisterResourceOutputsRequest) -> object:  # noqa: N802 — named by the engine's protocol
        name = request.urn.rpartition("::")[2]
        self._recorder.outputs[name] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]  # the mocks are untyped


def _type_and_name(urn: str) -> tuple[str, str]:
    _, _, types, name = urn.split("::", 3)
    return types.rpartition("$")[2], name


def _parent(urn: str) -> tuple[str | None, str | None]:
    if not urn:
        return None, None
    type_, name = _type_and_name(urn)
    return (None, None) if type_ == "pulumi:pulumi:Stack" else (type_, name)


Program = Callable[[], Any]
Declare = Callable[[Program], Recorder]
"""Runs a program and returns its registrations. Tests import these types under TYPE_CHECKING."""


@pytest.fixture(scope="session")
def declare() -> Declare:
    """The function that declares a program: `declare(lambda: Storage("storage", args=…).state_bucket).result`."""
    return run


def run(program: Program, *, stack: str = STACK, preview: bool = False, into: list[Recorder] | None = None) -> Recorder:
    """Run a program; `result` is its return value with outputs resolved.

    The recorder is first appended to `into`, for programs that fail.
    """
    recorder = Recorder()
    if into is not None:
        into.append(recorder)
    monitor = _Monitor(recorder)

    async def main() -> None:
        # A single thread, so that the event loop that its requests create can be closed.
        with ThreadPoolExecutor(max_workers=1) as thread:
            asyncio.get_running_loop().set_default_executor(thread)
            pulumi_mocks.set_mocks(monitor.mocks, project=PROJECT, stack=stack, preview=preview, monitor=monitor)
            try:
                await run_pulumi_func(resolve)
            finally:
                await asyncio.get_running_loop().run_in_executor(thread, _close_event_loop)

    async def resolve() -> None:
        recorder.result = await pulumi.Output.from_input(program()).future()

    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        # Loading a module of the SDK also loads deprecated classes.
        warnings.filterwarnings("ignore", ".* has been deprecated in favor of ", DeprecationWarning)
        # For the engine, the SDK records where each resource is declared, which takes a quarter of a program's time.
        patch.setattr("pulumi.runtime.resource._get_stack_trace", StackTrace)
        asyncio.run(main())
    return recorder


def _close_event_loop() -> None:
    """Close the event loop that the SDK creates in each thread that serves requests."""
    with contextlib.suppress(RuntimeError):  # no request, no loop
        asyncio.get_event_loop_policy().get_event_loop().close()
        asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def tags() -> Tags:
    """The tags of a stack."""
    return Tags(environment=STACK, owner="claudefs-team")


def known(value: T) -> pulumi.Output[T]:
    """Return an output with a value, for arguments that are outputs of other components."""
    return pulumi.Output.from_input(value)


Context = Mapping[str, str | Sequence[str]]
"""The condition keys of a request."""


@dataclass(frozen=True, kw_only=True)
class Root:
    """A folder in place of a machine's root, with stand-ins for programs that change a machine.

    Attributes:
        path: The folder.
    """

    path: Path

    def stand_in(self, name: str, script: str = "", *, folder: str = "stand-ins") -> None:
        """Replace a program by one that records its call and runs a script."""
        program = self.path / folder / name
        program.parent.mkdir(parents=True, exist_ok=True)
        # sh starts faster than bash, and a boot calls about 60 of these.
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>"$CFS_ROOT/calls"\n{script}\n')
        program.chmod(0o755)

    def refuse_twice(self, name: str, *calls: str, otherwise: str = "") -> None:
        """Make a program fail in the first two calls with arguments that match each of some shell patterns."""
        refusals = ""
        for number, call in enumerate(calls):
            counted = f'"$CFS_ROOT/refused-{name}-{number}"'
            refusals += f'{call}) echo >>{counted}; if [ "$(wc -l <{counted})" -le 2 ]; then exit 100; fi ;;\n'
        self.stand_in(name, f'case "$*" in\n{refusals}esac\n{otherwise}')

    def attempts(self, name: str, number: int) -> int:
        """Return how often a program was called with arguments that match a pattern of `refuse_twice`."""
        return self.read(f"refused-{name}-{number}").count("\n")

    def copy_to(self, path: Path) -> Root:
        """Copy the folder to another place."""
        return Root(path=shutil.copytree(self.path, path, symlinks=True))

    def run(
        self, program: str, *args: str, stdin: str = "", variables: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of the machine's programs."""
        environment = {
            "PATH": f"{self.path / 'stand-ins'}:{os.environ['PATH']}",
            "HOME": str(self.path / "home/cfs"),
            "CFS_ROOT": str(self.path),
            "CFS_PAUSE_SECONDS": "0",
            "CFS_RETRY_SECONDS": "0",
            **(variables or {}),
        }
        script = self.path / "usr/local/libexec/cfs" / program
        return subprocess.run(
            [script, *args], env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def calls(self) -> str:
        path = self.path / "calls"
        return path.read_text() if path.exists() else ""

    def exists(self, name: str) -> bool:
        return (self.path / name).exists()

    def read(self, name: str) -> str:
        return (self.path / name).read_text()


MakeRoot = Callable[[list[dict[str, str]]], Root]


@pytest.fixture
def make_root(tmp_path: Path) -> MakeRoot:
    """A function that creates a root with the files from cloud-init."""
    return partial(place_files, tmp_path)


def place_files(path: Path, files: list[dict[str, str]]) -> Root:
    """Create a root with files from cloud-init."""
    for file in files:
        target = path / file["path"].lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file["content"])
        target.chmod(int(file["permissions"], 8))
    for folder in ("stand-ins", "home/cfs", "run/cfs", "var/log"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    return Root(path=path)


KEY_ARN = f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/key"


def secured_stack(tags: Tags, *, key_arn: str = KEY_ARN) -> SecuredStack:
    """Return the stack for components under test."""
    known = pulumi.Output.from_input
    return SecuredStack(
        account_id=known(ACCOUNT_ID),
        region=REGION,
        tags=tags,
        key_arn=known(key_arn),
        boundary_arn=known("arn:aws:iam:::policy/boundary"),
        log_retention_days=30,
    )


def job_scope(environment: str = STACK, **changed: str) -> JobScope:
    """Return the scope of an environment's policies, with the stack's names."""
    known = {
        "account_id": ACCOUNT_ID,
        "region": REGION,
        "key_arn": f"arn:aws:kms:{REGION}:{ACCOUNT_ID}:key/mrk-0123456789abcdef0123456789abcdef",
        "vpc_id": "vpc-0123456789abcdef0",
        "state_bucket_arn": f"arn:aws:s3:::claudefs-{environment}-state-{ACCOUNT_ID}-{REGION}",
    }
    return JobScope(environment=environment, **{**known, **changed})
