"""The way to a real account, from nothing to a release on all nodes, with IAM enforced."""

from __future__ import annotations

from measure.rehearsal.rehearsal import find_problems, run_rehearsal


def test_a_person_sets_an_environment_up_and_githubs_jobs_deploy_it_with_the_rights_that_they_have() -> None:
    rehearsal = run_rehearsal(short=True, keep=False, without=None)
    assert find_problems(rehearsal) == []
    roles = {step.role for step in rehearsal.steps}
    assert roles == {"administrator", "no role", "claudefs-prod-preview", "claudefs-prod-deploy"}
    titles = {step.title for step in rehearsal.steps}
    assert {"deployment: deploy: Change the infrastructure", "deployment: deploy: Roll out"} <= titles
    assert "pull request: comment: Write the comment" in titles
