"""All rules. docs/policies.md explains them in a table that a test compares with this list."""

from __future__ import annotations

from policies import encryption, exposure, permissions, spending, tagging
from policies.model import ResourceRule, StackRule

RESOURCE_RULES = (
    ResourceRule(
        name="required-tags",
        summary="every taggable AWS resource has the tags project, Name, Environment, Role, Owner and ManagedBy",
        repair="tags=args.stack.tags.for_resource(NAME, role=ROLE); a type without tags goes into policies/tagging.py",
        enforcement="mandatory",
        reason="recovery, IAM conditions and the cost guard find resources by their tags",
        find_problems=tagging.find_missing_tags,
    ),
    ResourceRule(
        name="spot-in-cluster-only",
        summary="only nodes of the test cluster are spot instances",
        repair="buy it on demand, or give it a Role of the test cluster if it may be interrupted at any time",
        enforcement="mandatory",
        reason="an interrupted orchestrator loses the agents' work",
        find_problems=tagging.find_foreign_spot,
    ),
    ResourceRule(
        name="no-public-ingress",
        summary="no security group admits an address of the internet",
        repair="name the peer's security group (referenced_security_group_id); people come through Session Manager",
        enforcement="mandatory",
        reason="an open port is attacked within minutes",
        find_problems=exposure.find_public_ingress,
    ),
    ResourceRule(
        name="imdsv2",
        summary="instances answer only metadata requests with a session token (IMDSv2)",
        repair='metadata_options={"http_tokens": "required", …}',
        enforcement="mandatory",
        reason="through IMDSv1, one forged request gets the machine's credentials",
        find_problems=exposure.find_old_metadata_service,
    ),
    ResourceRule(
        name="encryption",
        summary="disks, volumes, buckets, topics, queues and log groups are encrypted, and keys are rotated",
        repair="kms_key_id or kms_master_key_id=args.stack.key_arn, encrypted=True, enable_key_rotation=True",
        enforcement="mandatory",
        reason="what has been written unencrypted stays so",
        find_problems=encryption.find_unencrypted,
    ),
    ResourceRule(
        name="no-wildcard-actions",
        summary="no policy allows an action by a wildcard or NotAction",
        repair="name the actions: infra/access/statements.py has a type for statements that refuses wildcards",
        enforcement="mandatory",
        reason="a wildcard also allows the actions that AWS adds later",
        find_problems=permissions.find_wide_actions,
    ),
    ResourceRule(
        name="pass-role-to-service",
        summary="iam:PassRole is allowed only with the condition iam:PassedToService",
        repair="use pass_role(ARN, service=SERVICE) of infra/access/grants.py",
        enforcement="mandatory",
        reason="a role that any service can get is a way to more rights",
        find_problems=permissions.find_free_role_passing,
    ),
    ResourceRule(
        name="daily-budget",
        summary="the daily budget is at most $100, with alerts at 80 and 100 % of the actual cost",
        repair="pulumi config set dailyBudgetUsd 100, and keep DAILY_ALERTS of infra/budget_alerts.py",
        enforcement="mandatory",
        reason="the limit is the owner's, and raising it is a decision with a date",
        find_problems=spending.find_high_budget,
    ),
    ResourceRule(
        name="priced-types",
        summary="types of instances and volumes have a price in the snapshot",
        repair="use a type of costs/prices.json, or add its price with its source: docs/costs.md",
        enforcement="mandatory",
        reason="the cost guard cannot meter what has no price",
        find_problems=spending.find_unpriced,
    ),
    ResourceRule(
        name="estimated-types",
        summary="the cost of every AWS resource type is known to the estimate",
        repair="decide what the type costs, add it to `cfs cost estimate` unless it is free, and to "
        "policies/estimated_types.py",
        enforcement="advisory",
        reason="most types are free, and the budget's alerts include the others",
        find_problems=spending.find_unestimated_types,
    ),
    ResourceRule(
        name="nodes-within-estimate",
        summary="a group's maximum is at most one above the number of nodes in the estimate",
        repair="set the group's count in the setting nodeGroups, which its maximum and the estimate both follow",
        enforcement="advisory",
        reason="the cost guard stops what exceeds the day's budget, whatever the maximum",
        find_problems=spending.find_excess_nodes,
    ),
    ResourceRule(
        name="protected-state",
        summary="the state bucket is protected",
        repair="PrivateBucketArgs(protected=True, …)",
        enforcement="mandatory",
        reason="without its state, Pulumi no longer manages anything",
        find_problems=spending.find_unprotected_state,
    ),
)

STACK_RULES = (
    StackRule(
        name="private-buckets",
        summary="every bucket blocks public access, keeps versions, and denies requests without TLS",
        repair="declare it as a PrivateBucket (infra/storage/bucket.py)",
        enforcement="mandatory",
        reason="releases run on every node, and the state holds encrypted secrets",
        find_violations=exposure.find_open_buckets,
    ),
    StackRule(
        name="no-public-address",
        summary="no machine has a public address, unless the setting egress is public-ip",
        repair="associate_public_ip_address=False; or pulumi config set egress public-ip",
        enforcement="mandatory",
        reason="what has no public address cannot be reached even if a security group is wrong",
        find_violations=exposure.find_public_addresses,
    ),
    StackRule(
        name="budget-exists",
        summary="a stack with machines has a daily budget",
        repair="declare the component Budget (infra/budget.py)",
        enforcement="mandatory",
        reason="without a budget, nobody is alerted",
        find_violations=spending.find_missing_budget,
    ),
)

RULES = (*RESOURCE_RULES, *STACK_RULES)
