"""An environment whose nodes install, answer probes and fail on request: in moto, or faster in memory."""

from __future__ import annotations

import hashlib
import io
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from cfs.aws import CLIENT_CONFIG, AwsAccount
from cfs.deploy import rollout
from cfs.deploy.artifact_store import ArtifactStore
from cfs.deploy.lease import LEASE_SECONDS, HeldRecord
from cfs.deploy.node_list import READY_BOOT_STATE, Node, NodeLister
from cfs.deploy.rollout import RollOutContext, RollOutOutcome, RollOutTimeouts
from cfs.deploy.run_commands import NodeCommandRunner
from cfs.deploy.stored_documents import DeployRecord, Release, ReleaseTarget, VersionPointer, record_key, version_key
from infra.cluster.node_commands import NODE_COMMANDS
from infra.tags import Tags
from local.aws.gaps import close_gaps
from tests.conftest import IMAGE
from tests.unit.cfs.deploy.pulumi_stand_in import STAND_IN, show
from toolchain import Toolchain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from infra.tags import ResourceRole, Site

ENVIRONMENT = "test"
REGION = "us-west-2"
BUCKET = f"claudefs-{ENVIRONMENT}-artifacts-{DEFAULT_ACCOUNT_ID}-{REGION}"
MOST_INSTANCE_IDS = 50
"""https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html"""

MOST_FILTER_VALUES = 100
"""https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_InstanceInformationStringFilter.html"""

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


class Killed(BaseException):
    """The process was killed."""


@dataclass
class Clock:
    """A clock on which time passes only during sleeps."""

    time: datetime = START
    alarms: list[Callable[[datetime], None]] = field(default_factory=list)

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        for alarm in self.alarms:
            alarm(self.time)


@dataclass
class Wire:
    """Records calls to AWS, and can fail or kill the process at any of them.

    Attributes:
        calls: Called operations, in order.
        before: Function called before each call; may raise.
        memory: Account in memory that answers; None for moto.
    """

    calls: list[str] = field(default_factory=list)
    before: Callable[[str, dict[str, Any]], None] | None = None
    memory: MemoryAccount | None = None

    def reset(self) -> None:
        self.calls = []
        self.before = self.memory = None

    def note(self, operation: str, asked: dict[str, Any]) -> None:
        self.calls.append(operation)
        if self.before:
            self.before(operation, asked)


WIRE = Wire()


def _before(model: Any, context: dict[str, Any], **_: Any) -> None:
    WIRE.note(f"{model.service_model.service_name}:{model.name}", context["asked"])


def _asked(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["asked"] = params


def client(service: str, *, watched: bool = True) -> Any:
    """Return a client of moto or of the account in memory; `watched` is false for the tests' own calls."""
    if WIRE.memory and watched:
        return MemoryClient(service, WIRE.memory)
    return _boto3_client(service, watched=watched)


@cache
def _boto3_client(service: str, *, watched: bool) -> Any:
    session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test")
    if watched:
        session.events.register("before-parameter-build", _asked)
        session.events.register("before-call", _before)
    return session.client(service, region_name=REGION, config=CLIENT_CONFIG)


def console_aws(*, watched: bool = True) -> AwsAccount:
    """Return the account for the console."""
    clients = {service: client(service, watched=watched) for service in ("cloudwatch", "ec2", "s3", "ssm")}
    return AwsAccount(session=_session(), _clients=clients)


@cache
def _session() -> boto3.Session:
    return boto3.Session(region_name=REGION)


@cache
def close_gaps_once() -> None:
    close_gaps()


class Account(Protocol):
    """An emulated account, with what a world needs of it."""

    def launch(self, tags: dict[str, str], count: int) -> list[str]: ...

    def tag(self, node: str, tags: dict[str, str]) -> None: ...

    def terminate(self, node: str) -> None: ...

    def read(self, key: str) -> bytes | None: ...

    def write(self, key: str, body: bytes) -> None: ...

    def living(self) -> list[Node]: ...


class MotoAccount:
    """An account in moto, as in `make up`; a call takes tens of milliseconds."""

    def __init__(self) -> None:
        close_gaps_once()
        self._ec2 = client("ec2", watched=False)
        self._s3 = client("s3", watched=False)
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        for name, command in NODE_COMMANDS.items():
            client("ssm", watched=False).create_document(
                Name=f"claudefs-{ENVIRONMENT}-{name}",
                DocumentType="Command",
                DocumentFormat="JSON",
                Content=command.document_content(),
            )

    def launch(self, tags: dict[str, str], count: int) -> list[str]:
        given = [{"Key": key, "Value": value} for key, value in tags.items()]
        started = self._ec2.run_instances(
            ImageId=IMAGE,
            MinCount=count,
            MaxCount=count,
            TagSpecifications=[{"ResourceType": "instance", "Tags": given}],
        )["Instances"]
        return [instance["InstanceId"] for instance in started]

    def tag(self, node: str, tags: dict[str, str]) -> None:
        self._ec2.create_tags(Resources=[node], Tags=[{"Key": key, "Value": value} for key, value in tags.items()])

    def terminate(self, node: str) -> None:
        self._ec2.terminate_instances(InstanceIds=[node])

    def read(self, key: str) -> bytes | None:
        stored = ArtifactStore(console_aws(watched=False), bucket=BUCKET).read_object(key)
        return stored.body if stored else None

    def write(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def living(self) -> list[Node]:
        return NodeLister(console_aws(watched=False), environment=ENVIRONMENT).list_living()


class RefusedError(Exception):
    """AWS refuses a call."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Instance:
    """A node with its tags, which include faults and the running version."""

    id: str
    tags: dict[str, str]
    state: str = "running"
    drained: bool = False

    @property
    def faults(self) -> list[str]:
        return self.tags.get("EmulatedFault", "").split()

    @property
    def version(self) -> str:
        return self.tags.get("Version", "")


class MemoryClient:
    """A fast stand-in for one service's boto3 client, which spends most of a call's time building the request."""

    def __init__(self, service: str, account: MemoryAccount) -> None:
        self._service = service
        self._account = account

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        """Return a method of boto3."""
        return partial(self._call, name)

    def can_paginate(self, name: str) -> bool:
        """Return True: all listings have pages."""
        return bool(name)

    def get_paginator(self, name: str) -> Any:
        """Return a paginator with a single page."""

        def paginate(*, PaginationConfig: object, **asked: Any) -> Iterator[dict[str, Any]]:  # noqa: ARG001, N803 — AWS's name
            yield self._call(name, **asked)

        return SimpleNamespace(paginate=paginate)

    def _call(self, name: str, **asked: Any) -> dict[str, Any]:
        operation = name.title().replace("_", "")
        WIRE.note(f"{self._service}:{operation}", asked)
        try:
            answer: dict[str, Any] = getattr(self._account, name)(**asked)
        except RefusedError as error:
            raise ClientError({"Error": {"Code": error.code, "Message": error.code}}, operation) from error
        return answer


class MemoryAccount:
    """An account in memory; its nodes behave like those in `local/aws/nodes.py`."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.instances: dict[str, Instance] = {}
        self._commands: dict[str, dict[str, tuple[str, str]]] = {}
        self._numbers = count(1)

    def launch(self, tags: dict[str, str], count: int) -> list[str]:
        started = [Instance(id=f"i-{next(self._numbers):017x}", tags=dict(tags)) for _ in range(count)]
        for instance in started:
            self.instances[instance.id] = instance
            if "boot" not in instance.faults:
                instance.tags |= {"Version": self._pointed(), "BootState": READY_BOOT_STATE}
        return [instance.id for instance in started]

    def tag(self, node: str, tags: dict[str, str]) -> None:
        self.instances[node].tags |= tags

    def terminate(self, node: str) -> None:
        self.instances[node].state = "terminated"

    def read(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def write(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def living(self) -> list[Node]:
        return [
            Node(
                id=instance.id,
                role=instance.tags["Role"],
                site=instance.tags.get("Site", ""),
                is_ready=instance.tags.get("BootState") == READY_BOOT_STATE,
                version=instance.version,
            )
            for instance in self.instances.values()
            if instance.state == "running"
        ]

    def _pointed(self) -> str:
        pointer = next((body for key, body in self.objects.items() if key.endswith("/version.json")), None)
        if pointer is None:
            return "none"
        version: str = json.loads(self.objects[json.loads(pointer)["release"]])["version"]
        return version

    def get_object(self, *, Key: str, **_: Any) -> dict[str, Any]:  # noqa: N803 — AWS's names
        if Key not in self.objects:
            raise RefusedError("NoSuchKey")
        body = self.objects[Key]
        return {"Body": StreamingBody(io.BytesIO(body), len(body)), "ETag": _etag(body)}

    def put_object(
        self,
        *,
        Key: str,  # noqa: N803
        Body: Any,  # noqa: N803
        IfNoneMatch: str = "",  # noqa: N803
        IfMatch: str = "",  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        there = self.objects.get(Key)
        if IfNoneMatch and there is not None:
            raise RefusedError("PreconditionFailed")
        if IfMatch and (there is None or _etag(there) != IfMatch):
            raise RefusedError("PreconditionFailed")
        self.objects[Key] = Body if isinstance(Body, bytes) else Body.read()
        return {"ETag": _etag(self.objects[Key])}

    def describe_instances(self, **_: Any) -> dict[str, Any]:
        found = [
            {
                "InstanceId": instance.id,
                "State": {"Name": instance.state},
                "Tags": [{"Key": key, "Value": value} for key, value in instance.tags.items()],
            }
            for instance in self.instances.values()
            if instance.state == "running"
        ]
        return {"Reservations": [{"Instances": found}]}

    def describe_instance_information(self, *, Filters: list[Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        wanted = Filters[0]["Values"]
        if len(wanted) > MOST_FILTER_VALUES:
            raise RefusedError("InvalidInstanceInformationFilterValue")
        return {
            "InstanceInformationList": [
                {"InstanceId": node, "PingStatus": "Online" if self._reached(node) else "ConnectionLost"}
                for node in wanted
            ]
        }

    def send_command(
        self,
        *,
        DocumentName: str,  # noqa: N803
        InstanceIds: list[str],  # noqa: N803
        Parameters: dict[str, list[str]],  # noqa: N803
        **_: Any,
    ) -> dict[str, Any]:
        if len(InstanceIds) > MOST_INSTANCE_IDS:
            raise RefusedError("ValidationException")
        if not all(map(self._reached, InstanceIds)):
            raise RefusedError("InvalidInstanceId")
        document = DocumentName.removeprefix(f"claudefs-{ENVIRONMENT}-")
        given = {name: values[0] for name, values in Parameters.items()}
        for parameter in NODE_COMMANDS[document].parameters:  # type: ignore[index]  # or there is no such document
            assert re.fullmatch(parameter.pattern, given[parameter.name])
        command = f"{next(self._numbers):036x}"
        self._commands[command] = {node: self._run(self.instances[node], document, given) for node in InstanceIds}
        return {"Command": {"CommandId": command}}

    def list_command_invocations(self, *, CommandId: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        return {
            "CommandInvocations": [
                {
                    "InstanceId": node,
                    "Status": status,
                    "StatusDetails": status,
                    "CommandPlugins": [{"Output": output}],
                }
                for node, (status, output) in self._commands[CommandId].items()
            ]
        }

    def put_metric_data(self, **_: Any) -> dict[str, Any]:
        return {}

    def _reached(self, node: str) -> bool:
        instance = self.instances.get(node)
        return instance is not None and instance.state == "running" and "unreachable" not in instance.faults

    def _run(self, instance: Instance, document: str, given: dict[str, str]) -> tuple[str, str]:
        if document == "drain":
            instance.drained = True
            return "Success", ""
        if document == "probe":
            return _probe(instance, given["ExpectedVersion"])
        body = self.objects[given["ReleaseKey"]]
        assert hashlib.sha256(body).hexdigest() == given["Sha256"]
        version = json.loads(body)["version"]
        if f"vanish:{version}" in instance.faults:
            instance.state = "terminated"
        if {f"vanish:{version}", f"install:{version}"} & set(instance.faults):
            return "Failed", "release refused: emulated"
        instance.tags["Version"], instance.drained = version, False
        return "Success", ""


def _probe(instance: Instance, expected: str) -> tuple[str, str]:
    if instance.version != expected:
        return "Failed", f"wrong: the release is {instance.version}, not {expected}"
    if instance.drained:
        return "Failed", "wrong: cfs-mgmt.service is inactive"
    if f"probe:{expected}" in instance.faults:
        return "Failed", "wrong: the management API is not ready"
    return "Success", ""


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


class World:
    """One environment with its bucket, documents and nodes."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.clock = Clock()

    def launch(self, role: ResourceRole, count: int = 1, *, site: Site | None = None, fault: str = "") -> list[str]:
        """Launch nodes of one group; they boot with the release that the pointer names."""
        tags = Tags(environment=ENVIRONMENT, owner="team").for_resource("node", role=role, site=site)
        tags |= {"NodeGroup": f"{role}-{(site or '').lower()}"} | ({"EmulatedFault": fault} if fault else {})
        return self.account.launch(tags, count)

    def cluster(self) -> list[str]:
        """Launch nine nodes, as with the stack's defaults."""
        return [
            *self.launch("storage", 3, site="A"),
            *self.launch("storage", 2, site="B"),
            *self.launch("client", 2),
            *self.launch("conduit"),
            *self.launch("jepsen"),
        ]

    def fault(self, node: str, *words: str) -> None:
        self.account.tag(node, {"EmulatedFault": " ".join(words)})

    def terminate(self, node: str) -> None:
        self.account.terminate(node)

    def booted(self, node: str, version: str) -> None:
        """Make a node ready that was launched with the fault `boot`."""
        self.account.tag(node, {"Version": version, "BootState": "ready", "EmulatedFault": ""})

    def published(self, version: str) -> ReleaseTarget:
        """Put a release into the bucket."""
        commit = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
        tarball = f"releases/{commit}/claudefs-x86_64.tar.zst"
        release = Release.model_validate(
            {
                "version": version,
                "commit": commit,
                "repository": "owner/claudefs",
                "signer_workflow": ".github/workflows/release-build.yml",
                "artifacts": {
                    "x86_64": {"key": tarball, "sha256": "0" * 64, "attestation": f"{tarball}.sigstore.json"}
                },
            }
        )
        self.account.write(release.object_key, release.to_bytes())
        return release.roll_out_target

    def runs(self, version: str) -> ReleaseTarget:
        """Set the pointer to a release, before nodes are launched."""
        target = self.published(version)
        pointer = VersionPointer(release=target.release, sha256=target.sha256, previous=None)
        self.account.write(version_key(ENVIRONMENT), pointer.to_bytes())
        return target

    def means(self, *, soak: float = 0.0, holder: str = "somebody", run: str = "") -> RollOutContext:
        aws = console_aws()
        store = ArtifactStore(aws, bucket=BUCKET)
        held = HeldRecord(store, environment=ENVIRONMENT, holder=holder, run=run, clock=self.clock)
        return RollOutContext(
            environment=ENVIRONMENT,
            store=store,
            nodes=NodeLister(aws, environment=ENVIRONMENT),
            commands=NodeCommandRunner(
                aws,
                environment=ENVIRONMENT,
                clock=self.clock,
                pause=lambda seconds: rollout.pause_holding_lease(self.clock, held, seconds),
            ),
            held_record=held,
            clock=self.clock,
            timeouts=RollOutTimeouts(),
            soak_seconds=soak,
        )

    def roll_out(self, wanted: ReleaseTarget, *, soak: float = 0.0) -> RollOutOutcome:
        return rollout.run_roll_out(self.means(soak=soak), wanted=wanted)

    def roll_back(self) -> RollOutOutcome:
        return rollout.run_roll_back(self.means())

    def versions(self) -> dict[str, str]:
        """Return the version of each living node."""
        return {node.id: node.version for node in self.account.living()}

    def pointer(self) -> VersionPointer:
        """Return the pointer, which must exist."""
        body = self.account.read(version_key(ENVIRONMENT))
        assert body is not None
        return VersionPointer.parse_document(body, key="pointer")

    def record(self) -> DeployRecord:
        body = self.account.read(record_key(ENVIRONMENT))
        return DeployRecord() if body is None else DeployRecord.parse_document(body, key="record")

    def until_the_lease_expires(self) -> None:
        self.clock.time += timedelta(seconds=LEASE_SECONDS + 1)


@pytest.fixture
def wire() -> Iterator[Wire]:
    WIRE.reset()
    yield WIRE
    WIRE.reset()


@pytest.fixture
def world(wire: Wire) -> World:
    """An environment in memory, fast enough for hundreds of rollouts."""
    wire.memory = MemoryAccount()
    return World(wire.memory)


@pytest.fixture
def emulated_world(wire: Wire, one_image: None) -> Iterator[World]:  # noqa: ARG001
    """An environment in moto, as in `make up`."""
    wire.memory = None
    with mock_aws():
        yield World(MotoAccount())


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> MemoryAccount:
    """Place real environments in an account in memory."""
    account = MemoryAccount()
    identity = SimpleNamespace(get_caller_identity=lambda: {"Account": DEFAULT_ACCOUNT_ID})
    aws = AwsAccount(session=_session(), _clients={"s3": MemoryClient("s3", account), "sts": identity})
    monkeypatch.setattr("cfs.environments.RealEnvironment.connect_aws", lambda _: aws)
    return account


@pytest.fixture
def pulumi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: MemoryAccount) -> Path:  # noqa: ARG001
    """Replace `pulumi` with a stand-in, and return the stand-in's folder."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "pulumi"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    toolchain = Toolchain(origin="built", version="3.259.0", path=(folder,), env={})
    monkeypatch.setattr("cfs.remote_engine.obtain_toolchain", lambda: toolchain)
    monkeypatch.setattr("cfs.remote_engine.RemoteEngine.work_folder", tmp_path)
    show(folder)
    return folder
