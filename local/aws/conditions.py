"""What an account on AWS adds to calls: delays, quotas, missing spot capacity, limits and faults. All are off at first.

`PUT /_control/conditions` sets them, for example `{"delays": true, "scale": 0.02, "quotas": true, "faultShare": 0.02}`,
and resets those that it does not name; `GET` returns them.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from local.aws.request_limits import RequestBuckets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CONDITIONS_PATH = "/_control/conditions"


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """Conditions of the account.

    Attributes:
        delays: Whether changes take time, and other services learn of them late.
        scale: Seconds of the account's clock for each second that AWS takes.
        quotas: Whether EC2's quotas of vCPUs limit launches.
        spot_capacity: Whether EC2 has spot capacity.
        request_limits: Whether EC2 limits the rate of requests.
        fault_share: Share of requests that fail, from 0 to 1.
        seed: Determines which requests fail, and how.
    """

    delays: bool = False
    scale: float = 1.0
    quotas: bool = False
    spot_capacity: bool = True
    request_limits: bool = False
    fault_share: float = 0.0
    seed: int = 0

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Conditions:
        """Read conditions.

        Raises:
            ValueError: A name is unknown, or a value is outside its range.
        """
        fields = {_FIELDS.get(name, name): value for name, value in given.items()}
        unknown = sorted(fields.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(cls().to_json())}")
        read = cls(**fields)
        if not 0 <= read.fault_share < 1 or read.scale <= 0:
            raise ValueError("faultShare is at least 0 and less than 1, and scale is greater than 0")
        return read

    def to_json(self) -> dict[str, Any]:
        """Return the conditions by their names in a request."""
        names = {field: name for name, field in _FIELDS.items()}
        return {names.get(field, field): value for field, value in asdict(self).items()}


_FIELDS = {"spotCapacity": "spot_capacity", "requestLimits": "request_limits", "faultShare": "fault_share"}

AS_ON_AWS = Conditions(delays=True, scale=0.02, quotas=True, fault_share=0.02, seed=2)
"""The conditions of `cfs local up --as-on-aws`: a minute of AWS takes about a second."""


class AccountConditions:
    """The account's current conditions, and the changes that they delay."""

    def __init__(self) -> None:
        """Begin with no conditions."""
        self.current = Conditions()
        self.faults: Counter[str] = Counter()
        self.buckets = RequestBuckets()
        self._calls: Counter[str] = Counter()
        self._clock: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._order = count()
        self._delayed: list[tuple[datetime, int, Callable[[], object]]] = []
        self._settling: datetime | None = None

    def use_clock(self, clock: Callable[[], datetime]) -> None:
        """Measure delays by a clock that returns the account's time."""
        self._clock = clock

    def switch(self, conditions: Conditions) -> None:
        """Set the conditions, count calls and faults from zero, and fill the buckets."""
        self.current = conditions
        self.buckets = RequestBuckets()
        self.faults.clear()
        self._calls.clear()

    def count_call(self, operation: str) -> int:
        """Count a call of an operation, and return how many there have been."""
        self._calls[operation] += 1
        return self._calls[operation]

    def account_time(self) -> datetime:
        """Return the account's time, or within a delayed change the time when it was due."""
        return self._settling or self._clock()

    def delay_change(self, seconds: float, change: Callable[[], object]) -> None:
        """Make a change later, or at once if there are no delays.

        Args:
            seconds: Seconds that the change takes on AWS.
            change: Makes the change.
        """
        if not self.current.delays:
            change()
            return
        due = self.account_time() + timedelta(seconds=seconds * self.current.scale)
        heapq.heappush(self._delayed, (due, next(self._order), change))

    def has_passed(self, seconds: float, *, since: datetime | None) -> bool:
        """Return whether as many seconds as AWS takes have passed; true without delays, and if nothing happened."""
        if since is None or not self.current.delays:
            return True
        return self.account_time() >= since + timedelta(seconds=seconds * self.current.scale)

    def next_change(self) -> datetime | None:
        """Return the time of the next delayed change, or None."""
        return self._delayed[0][0] if self._delayed else None

    def make_changes(self, until: datetime) -> None:
        """Make the delayed changes that are due by a given time, in order."""
        while self._delayed and self._delayed[0][0] <= until:
            self._settling, _, change = heapq.heappop(self._delayed)
            try:
                change()
            finally:
                self._settling = None


ACCOUNT_CONDITIONS = AccountConditions()
"""The conditions of this process's account."""
