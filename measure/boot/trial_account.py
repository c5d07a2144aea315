"""The emulated account of a boot test: releases to install, instances to be, and what the guests have told it."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from infra.boot.nodes import BOOT_HOOK, SIGNER_WORKFLOW, BootProfile
from infra.naming import agents_mode_name
from infra.tags import PROJECT_NAME
from local.aws.nodes import FAULT_TAG
from local.aws.own_clients import OwnSession
from local.servers import AWS_EMULATOR, ensure_emulators_running, stop_emulators
from measure.boot.downloads import TRIAL_REGION, TRIAL_REPOSITORY
from measure.scratch_account import without_user_account

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from infra.tags import Site

TRIAL_ENVIRONMENT = "test"
TRIAL_BUCKET = "claudefs-test-artifacts"
TRIAL_SECRETS = {
    f"cfs/nodes/{TRIAL_ENVIRONMENT}/management": {"ADMIN_TOKEN": "trial-token-of-the-management-api"},
    "cfs/github-token": {"GITHUB_TOKEN": "trial-token"},
    "cfs/fireworks-api-key": {"FIREWORKS_API_KEY": "trial-key"},
}

NODE_TYPE = "i4i.large"
ORCHESTRATOR_TYPE = "t3.large"

# Longer than an emulated processor takes for a first boot.
_HOOK_SECONDS = 7200


@dataclass(frozen=True, kw_only=True)
class TrialRelease:
    """A published release.

    Attributes:
        version: Its version.
        key: Key of its release.json.
        sha256: SHA-256 of its release.json.
    """

    version: str
    key: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class TrialAccount:
    """An emulated account.

    Attributes:
        port: Its port on loopback.
        session: Its administrator's session.
        clients: Clients that were opened, by service.
    """

    port: int
    session: OwnSession
    clients: dict[str, Any] = field(default_factory=dict)

    def publish_release(self, version: str, archive: bytes, *, stored: bytes | None = None) -> TrialRelease:
        """Publish a release, attested in the way that the stand-in for gh verifies.

        Args:
            version: Its version.
            archive: The archive that is described and attested.
            stored: The archive that is stored instead, to be refused.
        """
        commit = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
        folder, sha256 = f"releases/{commit}", hashlib.sha256(archive).hexdigest()
        workflow = f"{TRIAL_REPOSITORY}/{SIGNER_WORKFLOW}"
        bundle = {"sha256": sha256, "repo": TRIAL_REPOSITORY, "workflow": workflow, "commit": commit}
        artifact = {
            "key": f"{folder}/claudefs-x86_64.tar.zst",
            "sha256": sha256,
            "attestation": f"{folder}/bundle.jsonl",
        }
        description = json.dumps(
            {
                "schema": 1,
                "commit": commit,
                "repository": TRIAL_REPOSITORY,
                "signerWorkflow": SIGNER_WORKFLOW,
                "version": version,
                "artifacts": {"x86_64": artifact},
            }
        ).encode()
        self._put_object(artifact["key"], stored or archive)
        self._put_object(artifact["attestation"], json.dumps(bundle).encode())
        self._put_object(f"{folder}/release.json", description)
        return TrialRelease(
            version=version, key=f"{folder}/release.json", sha256=hashlib.sha256(description).hexdigest()
        )

    def point_to(self, release: TrialRelease) -> None:
        """Make a release the one that booting nodes install."""
        pointer = {"schema": 1, "release": release.key, "sha256": release.sha256}
        self._put_object(f"environments/{TRIAL_ENVIRONMENT}/version.json", json.dumps(pointer).encode())

    def launch_node(self, profile: BootProfile, *, group: str, site: Site | None) -> str:
        """Launch an instance in an Auto Scaling group of its own, with a launch hook; return its ID."""
        scaling, name = self._open_client("autoscaling"), f"{PROJECT_NAME}-{TRIAL_ENVIRONMENT}-{group}"
        tags = {
            "project": PROJECT_NAME,
            "Environment": TRIAL_ENVIRONMENT,
            "NodeGroup": group,
            "Role": profile,
            **({} if site is None else {"Site": site}),
            # The account must not boot the instance itself.
            FAULT_TAG: "boot",
        }
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=1,
            DesiredCapacity=0,
            LaunchTemplate={"LaunchTemplateId": self._create_template(name), "Version": "$Latest"},
            VPCZoneIdentifier=self._subnet(),
            Tags=[{"Key": key, "Value": value, "PropagateAtLaunch": True} for key, value in tags.items()],
        )
        scaling.put_lifecycle_hook(
            AutoScalingGroupName=name,
            LifecycleHookName=BOOT_HOOK,
            LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING",
            DefaultResult="ABANDON",
            HeartbeatTimeout=_HOOK_SECONDS,
        )
        scaling.set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=1)
        [described] = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
        return str(described["Instances"][0]["InstanceId"])

    def launch_orchestrator(self) -> str:
        """Launch an instance outside of a group; return its ID."""
        launched = self._open_client("ec2").run_instances(
            ImageId=self._image(), InstanceType=ORCHESTRATOR_TYPE, MinCount=1, MaxCount=1, SubnetId=self._subnet()
        )
        return str(launched["Instances"][0]["InstanceId"])

    def read_tag(self, instance: str, key: str) -> str:
        """Return an instance's tag, or "" if it has none of this key."""
        [reservation] = self._open_client("ec2").describe_instances(InstanceIds=[instance])["Reservations"]
        tags = {tag["Key"]: tag["Value"] for tag in reservation["Instances"][0].get("Tags", ())}
        return str(tags.get(key, ""))

    def list_counts(self, metric: str, *, group: str) -> list[float]:
        """Return the values of a metric of a node group in `CFS/Cluster`, in ascending order of value."""
        return self._list_values("CFS/Cluster", metric, {"Environment": TRIAL_ENVIRONMENT, "NodeGroup": group})

    def list_orchestrator_counts(self, metric: str) -> list[float]:
        """Return the values of a metric in `CFS/Orchestrator`, in ascending order of value."""
        return self._list_values("CFS/Orchestrator", metric, {"Environment": TRIAL_ENVIRONMENT})

    def _list_values(self, namespace: str, metric: str, dimensions: dict[str, str]) -> list[float]:
        now = datetime.now(UTC)
        queried = {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        }
        points = self._open_client("cloudwatch").get_metric_statistics(
            **queried,
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum", "SampleCount"],
        )["Datapoints"]
        ones = int(sum(point["Sum"] for point in points))
        zeros = int(sum(point["SampleCount"] for point in points)) - ones
        return [0.0] * zeros + [1.0] * ones

    def _open_client(self, service: str) -> Any:  # boto3 creates client classes at run time
        # Waits ask often, and a new client takes a fifth of a second of processor time.
        if service not in self.clients:
            self.clients[service] = self.session.open_client(service)
        return self.clients[service]

    def _put_object(self, key: str, body: bytes) -> None:
        # The corrupt release, too, has a right CRC: S3 calculates it from what is stored.
        self._open_client("s3").put_object(Bucket=TRIAL_BUCKET, Key=key, Body=body, ChecksumAlgorithm="CRC32")

    def _create_template(self, name: str) -> str:
        created = self._open_client("ec2").create_launch_template(
            LaunchTemplateName=name, LaunchTemplateData={"ImageId": self._image(), "InstanceType": NODE_TYPE}
        )
        return str(created["LaunchTemplate"]["LaunchTemplateId"])

    def _image(self) -> str:
        images: list[dict[str, Any]] = self._open_client("ec2").describe_images()["Images"]
        return str(images[0]["ImageId"])

    def _subnet(self) -> str:
        subnets: list[dict[str, Any]] = self._open_client("ec2").describe_subnets()["Subnets"]
        return str(subnets[0]["SubnetId"])


@contextmanager
def open_trial_account(folder: Path) -> Iterator[TrialAccount]:
    """Start an emulated account with a bucket, secrets and the agents' mode; at the end, stop it."""
    try:
        with without_user_account():
            running = ensure_emulators_running(folder, emulators=(AWS_EMULATOR,))[AWS_EMULATOR]
        account = TrialAccount(port=running.port, session=OwnSession(url=running.base_url, region=TRIAL_REGION))
        _set_up(account.session)
        yield account
    finally:
        stop_emulators(folder)


def _set_up(session: OwnSession) -> None:
    location = {"LocationConstraint": TRIAL_REGION}
    session.open_client("s3").create_bucket(Bucket=TRIAL_BUCKET, CreateBucketConfiguration=location)
    secrets = session.open_client("secretsmanager")
    for name, value in TRIAL_SECRETS.items():
        secrets.create_secret(Name=name, SecretString=json.dumps(value))
    mode = agents_mode_name(TRIAL_ENVIRONMENT)
    session.open_client("ssm").put_parameter(Name=mode, Value="normal", Type="String")
