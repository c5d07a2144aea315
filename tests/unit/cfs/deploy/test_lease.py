"""One deployment at a time: without the lease, a deployment does nothing."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cfs.deploy import rollout
from cfs.deploy.lease import LEASE_HEARTBEAT_SECONDS, LEASE_SECONDS, LeaseLostError, lease_holder
from cfs.deploy.stored_documents import record_key
from terminal.errors import UserError
from tests.unit.cfs.deploy.conftest import ENVIRONMENT, Killed

if TYPE_CHECKING:
    from datetime import datetime

    from tests.unit.cfs.deploy.conftest import Wire, World


def test_a_second_deployment_is_refused_with_the_holder_and_the_expiry(world: World) -> None:
    with world.means(holder="robot, run 7").held_record.hold_lease(), pytest.raises(UserError) as raised:
        world.roll_out(world.published("v1.0.0"))
    assert raised.value.problem.startswith("robot, run 7 is deploying to test, last renewed at 2026-01-05 12:00:00")
    assert "after 2026-01-05 12:10:00 UTC" in raised.value.repair
    assert "takes over" in raised.value.repair


def test_the_lease_is_free_when_its_holder_has_ended(world: World) -> None:
    with world.means().held_record.hold_lease():
        pass
    with world.means().held_record.hold_lease():
        assert world.record().lease is not None
    assert world.record().lease is None


def test_the_lease_of_a_dead_holder_is_taken_over_once_it_has_expired(world: World) -> None:
    dead = world.means(holder="dead").held_record
    with pytest.raises(Killed):
        hold_and_die(world, dead)
    world.clock.time += timedelta(seconds=LEASE_SECONDS)
    with world.means(holder="next").held_record.hold_lease():
        lease = world.record().lease
        assert lease is not None
        assert lease.holder == "next"


@pytest.mark.parametrize(
    "dead, next_run, is_taken", [("run/7", "run/7", True), ("run/7", "run/8", False), ("", "", False)]
)
def test_a_later_step_of_the_same_run_takes_the_lease_over_at_once(
    world: World, dead: str, next_run: str, *, is_taken: bool
) -> None:
    with pytest.raises(Killed):
        hold_and_die(world, world.means(run=dead).held_record)
    held = world.means(holder="next", run=next_run).held_record
    with nullcontext() if is_taken else pytest.raises(UserError, match="somebody is deploying"), held.hold_lease():
        assert is_taken
    assert (world.record().lease is None) is is_taken


def hold_and_die(world: World, held: Any) -> None:
    with held.hold_lease():
        held._release_lease = lambda: None  # noqa: SLF001 — who is dead gives nothing back
        assert world.record().lease is not None
        raise Killed


def test_a_holder_stops_once_its_lease_is_taken_over(world: World) -> None:
    slow = world.means(holder="slow")
    with slow.held_record.hold_lease():
        world.until_the_lease_expires()
        with world.means(holder="next").held_record.hold_lease():
            with pytest.raises(LeaseLostError, match="has taken the lease over"):
                slow.held_record.renew_if_due()
            with pytest.raises(LeaseLostError):
                slow.held_record.write_progress(roll_out=None)
    assert world.record().lease is None


def test_two_deployments_that_begin_at_once_do_not_both_hold_the_lease(world: World, wire: Wire) -> None:
    first, second = world.means(holder="first").held_record, world.means(holder="second").held_record

    def between(operation: str, _: dict[str, Any]) -> None:
        if operation == "s3:PutObject":
            wire.before = None
            second._take_lease()  # noqa: SLF001 — between the other one's look and its write

    wire.before = between
    with pytest.raises(UserError, match="second is deploying"), first.hold_lease():
        pass
    lease = world.record().lease
    assert lease is not None
    assert lease.holder == "second"


def test_a_waiting_holder_renews_its_lease(world: World) -> None:
    world.runs("v1.0.0")
    world.launch("client", 2)
    oldest = timedelta()

    def look(now: datetime) -> None:
        nonlocal oldest
        lease = world.record().lease
        assert lease is not None
        oldest = max(oldest, now - lease.heartbeat)

    world.clock.alarms.append(look)
    rollout.run_roll_out(world.means(soak=3000), wanted=world.published("v1.1.0"))
    assert timedelta() < oldest <= timedelta(seconds=LEASE_HEARTBEAT_SECONDS + 30)


def test_a_write_whose_response_was_lost_is_not_taken_for_somebody_elses(world: World) -> None:
    """boto3 repeats a call whose response was lost; the second call then finds what the first one has written."""
    store = world.means().store
    etag = store.replace_object(record_key(ENVIRONMENT), b"mine", etag=None)
    assert store.replace_object(record_key(ENVIRONMENT), b"mine", etag=None) == etag


def test_an_interrupted_deployment_releases_the_lease(world: World) -> None:
    held = world.means().held_record
    with pytest.raises(KeyboardInterrupt), held.hold_lease():
        raise KeyboardInterrupt
    assert world.record().lease is None


def test_a_record_that_a_newer_program_wrote_is_left_alone(world: World) -> None:
    world.account.write(record_key(ENVIRONMENT), b'{"schema": 2}')
    with pytest.raises(UserError, match=r"environments/test/rollout\.json is not in the format of this `cfs`: schema"):
        world.roll_out(world.published("v1.0.0"))


def test_the_holder_is_a_workflow_run_or_a_user_on_a_machine() -> None:
    variables = {
        "GITHUB_RUN_ID": "7",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REPOSITORY": "owner/claudefs",
        "GITHUB_ACTOR": "someone",
    }
    assert lease_holder(variables) == "someone, https://github.com/owner/claudefs/actions/runs/7"
    assert ", process " in lease_holder({})
