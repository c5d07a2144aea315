"""Reasons for rights that no rehearsal uses, mostly those of machines, because none boots in it."""

from __future__ import annotations

from dataclasses import dataclass

_AGENTS = "ClaudeFS's agents and scripts on the orchestrator"
_NAT = "`egress: nat`, which the rehearsed environment does not have"
_SSM_POLICY = "AmazonSSMManagedInstanceCore"
_SSM_AGENT = "AWS's own policy for the SSM agent of the machine, which stands in for SSH"


@dataclass(frozen=True, kw_only=True)
class UnusedRight:
    """A statement with actions that no rehearsal uses.

    Attributes:
        purpose: The role's purpose, which is the end of its name.
        statement: The statement's Sid, the name of AWS's policy, or a pattern of actions, for example `scheduler:*`.
        reason: The programs that use it, and for what.
    """

    purpose: str
    statement: str
    reason: str


def _make_rows(purpose: str, reasons: dict[str, str]) -> tuple[UnusedRight, ...]:
    return tuple(
        UnusedRight(purpose=purpose, statement=name, reason=reason)
        for names, reason in reasons.items()
        for name in names.split()
    )


UNUSED_RIGHTS = (
    *_make_rows(
        "orchestrator",
        {
            "InvokeModels InvokeModelsThroughProfiles": f"{_AGENTS} write code with Anthropic's models",
            "DescribeCompute ReadMetrics": f"{_AGENTS} watch the test cluster",
            "RunTaggedInstances RunWithTaggedDisks RunOnTaggedSpotRequests RunInOwnNetwork RunFromImages "
            "TagWhatIsLaunched ReadImageParameters PassRole EncryptDisks LendKeyToDisks": f"{_AGENTS} launch nodes",
            "ManageTaggedInstances CancelTaggedSpotRequests ResizeTaggedGroups": f"{_AGENTS} resize and terminate them",
            "UseSpot": "the account's first spot request creates AWS's service-linked role",
            "ListObjects ReadAndWriteObjects DeleteObjects UseKey": f"{_AGENTS} use the build cache and artifacts",
            "ReadSecrets": "fetch-secrets.sh, at boot",
            "ReadAgentsMode": "the supervisor, which pauses agents when the cost guard says so",
            "ReadOwnNodesSecrets": f"{_AGENTS} work with what nodes are given",
            "PutMetrics WriteLogs": "the CloudWatch agent and the watchdog",
            "ReadCosts ReadBudgets Publish": "ClaudeFS's cost monitor, which alerts and terminates nodes",
            _SSM_POLICY: _SSM_AGENT,
        },
    ),
    *_make_rows(
        "node",
        {
            "ListObjects": "install-release.sh looks for the pointer to the release",
            "ReadSecrets": "mgmt-config.sh, and ClaudeFS's services",
            "DescribeInstances": "peers.sh finds the other nodes",
            "TagItself": "node.sh reports boots and installations",
            "CompleteLifecycleActions": "prepare.sh, when the node is ready",
            "PutMetrics WriteLogs": "the CloudWatch agent and node.sh",
            _SSM_POLICY: _SSM_AGENT,
        },
    ),
    *_make_rows("runbooks", {"FollowCommands": "Systems Manager's step `aws:runCommand`, by itself"}),
    *_make_rows(
        "guard",
        {
            "SeeWhatRuns ReadCosts HoldTaggedGroups TerminateTaggedNodes StopAndStartOrchestrator "
            "LendKeyToStartedDisks TagInstances TagGroups KeepLedger SetAgentsMode Publish UseKey KeepFailedEvents "
            "PutMetrics WriteLogs": ("the cost guard, which tests/e2e/test_guard.py runs with IAM enforced")
        },
    ),
    *(
        UnusedRight(purpose=job, statement=actions, reason=reason)
        for job in ("deploy", "preview")
        for actions, reason in {
            "ec2:*Address*": _NAT,
            "ec2:*NatGateway*": _NAT,
            "scheduler:*": "`orchestratorHours`, which needs `egress: nat`",
        }.items()
    ),
)
