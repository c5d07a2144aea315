"""Changes that take time on AWS, and names that other services learn late; moto makes all of them at once."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from moto.ec2.models.instances import Instance, InstanceBackend
from moto.ec2.models.nat_gateways import NatGatewayBackend
from moto.iam.models import IAMBackend
from moto.s3.models import S3Backend

from local.aws.conditions import ACCOUNT_CONDITIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from moto.ec2.models.instances import InstanceState, Reservation

LAUNCH_SECONDS = 30.0
STOP_SECONDS = 40.0
TERMINATION_SECONDS = 60.0
NAT_GATEWAY_SECONDS = 100.0
"""Typical times. AWS documents only the order of the states:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-working-with.html"""

_STATE_CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
"""https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html"""


def close_delay_gaps() -> None:
    """Close the gaps of delays."""
    _launch_slowly()
    _pass_state("start", through="pending", seconds=LAUNCH_SECONDS)
    _pass_state("stop", through="stopping", seconds=STOP_SECONDS)
    _pass_state("terminate", through="shutting-down", seconds=TERMINATION_SECONDS)
    _prepare_nat_gateways()
    for creator, name in (
        (IAMBackend, "create_role"),
        (IAMBackend, "create_instance_profile"),
        (IAMBackend, "create_policy"),
        (S3Backend, "create_bucket"),
    ):
        _note_creation(creator, name)
    for name in ("put_role_policy", "attach_role_policy"):
        _note_grant(name)


def _launch_slowly() -> None:
    run_instances: Callable[..., Reservation] = InstanceBackend.run_instances

    def run_and_wait(self: InstanceBackend, *args: Any, **kwargs: Any) -> Reservation:
        reservation = run_instances(self, *args, **kwargs)
        for instance in reservation.instances:
            _delay_state(instance, "pending", LAUNCH_SECONDS)
        return reservation

    InstanceBackend.run_instances = run_and_wait


def _pass_state(method: str, *, through: str, seconds: float) -> None:
    """Pass a state before the one to which a method of instances leads."""
    change: Callable[[Instance], InstanceState] = getattr(Instance, method)

    def change_slowly(self: Instance) -> InstanceState:
        before = self.state
        previous = change(self)
        if self.state != before:
            _delay_state(self, through, seconds)
        return previous

    setattr(Instance, method, change_slowly)


def _delay_state(instance: Instance, through: str, seconds: float) -> None:
    """Take an instance back to an earlier state, from which it returns to its current one."""
    if not ACCOUNT_CONDITIONS.current.delays:
        return
    final = instance.state
    _set_state(instance, through)

    def arrive() -> None:
        # Another change may have come in between.
        if instance.state == through:
            _set_state(instance, final)

    ACCOUNT_CONDITIONS.delay_change(seconds, arrive)


def _set_state(instance: Instance, name: str) -> None:
    instance.instance_state.name, instance.instance_state.code = name, _STATE_CODES[name]


def _prepare_nat_gateways() -> None:
    create: Callable[..., Any] = NatGatewayBackend.create_nat_gateway
    delete: Callable[[NatGatewayBackend, str], Any] = NatGatewayBackend.delete_nat_gateway

    def create_slowly(self: NatGatewayBackend, *args: Any, **kwargs: Any) -> Any:
        return _delay_gateway(create(self, *args, **kwargs), "pending")

    def delete_slowly(self: NatGatewayBackend, nat_gateway_id: str) -> Any:
        return _delay_gateway(delete(self, nat_gateway_id), "deleting")

    NatGatewayBackend.create_nat_gateway = create_slowly
    NatGatewayBackend.delete_nat_gateway = delete_slowly


def _delay_gateway(gateway: Any, through: str) -> Any:
    final, gateway.state = gateway.state, through

    def arrive() -> None:
        if gateway.state == through:
            gateway.state = final

    ACCOUNT_CONDITIONS.delay_change(NAT_GATEWAY_SECONDS, arrive)
    return gateway


def _note_creation(creator: type, method: str) -> None:
    """Note when a method created what it returns."""
    create: Callable[..., Any] = getattr(creator, method)

    @wraps(create)
    def create_and_note(self: Any, *args: Any, **kwargs: Any) -> Any:
        created = create(self, *args, **kwargs)
        created.known_since = ACCOUNT_CONDITIONS.account_time()
        return created

    setattr(creator, method, create_and_note)


def _note_grant(method: str) -> None:
    """Note when a role was last granted a right."""
    grant: Callable[..., None] = getattr(IAMBackend, method)

    @wraps(grant)
    def grant_and_note(self: IAMBackend, *args: Any, **kwargs: Any) -> None:
        grant(self, *args, **kwargs)
        names = {*map(str, args), *map(str, kwargs.values())}
        for role in self.roles.values():
            if role.name in names:
                role.granted_since = ACCOUNT_CONDITIONS.account_time()

    setattr(IAMBackend, method, grant_and_note)
