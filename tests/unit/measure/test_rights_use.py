"""Rights against their use: each is used, or has a reason that holds."""

from __future__ import annotations

from infra.access.machine_grants import NODE_GRANTS, ORCHESTRATOR_GRANTS
from infra.guard.grants import guard_grants
from measure.rehearsal.rights_use import GrantedRight, compare_rights
from measure.rehearsal.unused_rights import UNUSED_RIGHTS, UnusedRight
from tests.unit.infra.conftest import job_scope

DEPLOY, NODE = "claudefs-prod-deploy", "claudefs-prod-node"
TAGS = UnusedRight(purpose="node", statement="TagItself", reason="at boot")


def right(role: str, action: str, statement: str = "Deploy1") -> GrantedRight:
    return GrantedRight(role=role, action=action, statement=statement)


def test_a_right_is_used_by_its_role_or_by_a_person_who_deploys_or_has_a_reason() -> None:
    granted = [
        right(DEPLOY, "s3:GetObject"),
        right(DEPLOY, "ec2:CreateVpc"),
        right(DEPLOY, "kms:UpdateAlias"),
        right(NODE, "ec2:CreateTags", "TagItself"),
    ]
    use = compare_rights(
        granted,
        {DEPLOY: {"s3:GetObject"}},
        person={"ec2:CreateVpc"},
        explained={(DEPLOY, "kms:UpdateAlias")},
        unused=[TAGS],
    )
    assert (use.used, use.by_person, use.explained, use.problems) == (1, 1, 2, ())


def test_a_right_that_nothing_uses_is_a_problem_whatever_a_person_does_with_it_elsewhere() -> None:
    use = compare_rights([right(NODE, "ec2:CreateVpc")], {}, person={"ec2:CreateVpc"}, explained=(), unused=())
    assert use.problems == (f"{NODE}: nothing used ec2:CreateVpc (Deploy1)",)


def test_a_reason_for_what_is_used_or_not_granted_is_a_problem() -> None:
    tag = right(NODE, "ec2:CreateTags", "TagItself")
    for granted, used in (([tag], {NODE: {"ec2:CreateTags"}}), ([], {})):
        use = compare_rights(granted, used, person=(), explained=(), unused=[TAGS])
        assert use.problems == (f"{NODE}: the reason for TagItself explains no unused right",)


def test_every_statement_of_what_no_rehearsal_runs_has_a_reason() -> None:
    scope = job_scope("prod")
    grants = {
        "orchestrator": [statement for grant in ORCHESTRATOR_GRANTS.values() for statement in grant(scope)],
        "guard": guard_grants(scope),
    }
    for purpose, statements in grants.items():
        reasons = {of.statement for of in UNUSED_RIGHTS if of.purpose == purpose} - {"AmazonSSMManagedInstanceCore"}
        assert reasons == {statement.sid for statement in statements}


def test_every_reason_of_a_node_names_a_statement_that_nodes_have() -> None:
    names = {statement.sid for grant in NODE_GRANTS.values() for statement in grant(job_scope("prod"))}
    reasons = {of.statement for of in UNUSED_RIGHTS if of.purpose == "node"} - {"AmazonSSMManagedInstanceCore"}
    assert reasons < names


def test_a_reason_may_name_actions_instead_of_a_statement() -> None:
    hours = UnusedRight(purpose="deploy", statement="scheduler:*", reason="hours")
    use = compare_rights([right(DEPLOY, "scheduler:GetSchedule")], {}, person=(), explained=(), unused=[hours])
    assert (use.explained, use.problems) == (1, ())
