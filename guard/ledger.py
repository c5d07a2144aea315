"""The ledger: a DynamoDB table that is the guard's memory, with conditional writes.

Each item has a version. A write names the version that it was read at, so of two runs one writes, and the other reads
again what the first has written and adds what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from guard.decision import Pause
from guard.records import DayRecord, HeldChanges, decode_day, decode_held, encode_day, encode_held

if TYPE_CHECKING:
    from collections.abc import Mapping

METER_ENTRY = "meter"
HELD_KEY = ("held", "changes")
PAUSE_KEY = ("pause", "pause")

_KEPT = timedelta(days=35)
"""How long a day's record is kept."""


class LedgerConflictError(RuntimeError):
    """Another run has written the item meanwhile."""


@dataclass(frozen=True, kw_only=True)
class LedgerView:
    """What the ledger holds.

    Attributes:
        day: The day's record, if there is one yet, and its version.
        before: That of the day before.
        held: What the guard must restore.
        pause: A pause that a person has set, perhaps over.
    """

    day: DayRecord | None
    day_version: int
    before: DayRecord | None
    before_version: int
    held: HeldChanges
    held_version: int
    pause: Pause | None

    @classmethod
    def unread_ledger(cls, *, before: DayRecord | None = None) -> Self:
        """Return the view of a ledger that cannot be read."""
        return cls(
            day=None,
            day_version=0,
            before=before,
            before_version=0,
            held=HeldChanges(),
            held_version=0,
            pause=None,
        )


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """The table.

    Attributes:
        client: DynamoDB's client.
        table: The table's name.
    """

    client: Any
    table: str

    def read_ledger(self, day: date) -> LedgerView:
        """Read all that a tick needs, in one call.

        Raises:
            ValueError: An item is damaged, or AWS returns less than all.
        """
        before = day - timedelta(days=1)
        keys = [(day.isoformat(), METER_ENTRY), (before.isoformat(), METER_ENTRY), HELD_KEY, PAUSE_KEY]
        answer = self.client.batch_get_item(
            RequestItems={self.table: {"Keys": [_item_key(*key) for key in keys], "ConsistentRead": True}}
        )
        if answer.get("UnprocessedKeys"):
            raise ValueError("the ledger returned only some of its items")
        items = {(item["day"]["S"], item["entry"]["S"]): item for item in answer["Responses"][self.table]}
        today, yesterday, held, pause = (items.get(key) for key in keys)
        return LedgerView(
            day=_day_record(today),
            day_version=_item_version(today),
            before=_day_record(yesterday),
            before_version=_item_version(yesterday),
            held=HeldChanges() if held is None else decode_held(held["record"]["S"]),
            held_version=_item_version(held),
            pause=None if pause is None else parse_pause(pause),
        )

    def write_day(self, record: DayRecord, *, version: int) -> int:
        """Write a day's record and return its new version.

        Raises:
            LedgerConflictError: Another run has written it since `version`.
            ValueError: The answer does not confirm the write.
        """
        expires = datetime.combine(record.meter.day, datetime.min.time(), tzinfo=UTC) + _KEPT
        attributes = {
            "record": {"B": encode_day(record)},
            "spent": {"S": f"{record.meter.usd:.4f}"},
            "expires": {"N": str(int(expires.timestamp()))},
        }
        return self._write_item((record.meter.day.isoformat(), METER_ENTRY), attributes, version=version)

    def write_held(self, held: HeldChanges, *, version: int) -> int:
        """Write what the guard must restore and return the new version.

        Raises:
            LedgerConflictError: Another run has written it since `version`.
            ValueError: The answer does not confirm the write.
        """
        return self._write_item(HELD_KEY, {"record": {"S": encode_held(held)}}, version=version)

    def write_pause(self, pause: Pause) -> None:
        """Write a pause, in place of another one."""
        times = {"until": {"S": pause.until.isoformat()}, "since": {"S": pause.since.isoformat()}}
        expires = {"N": str(int(pause.until.timestamp()))}
        item = {**times, "reason": {"S": pause.reason}, "by": {"S": pause.by}, "expires": expires}
        self.client.put_item(TableName=self.table, Item={**_item_key(*PAUSE_KEY), **item})

    def delete_pause(self) -> None:
        """End a pause."""
        self.client.delete_item(TableName=self.table, Key=_item_key(*PAUSE_KEY))

    def _write_item(self, key: tuple[str, str], attributes: Mapping[str, Any], *, version: int) -> int:
        unchanged = "#version = :read" if version else "attribute_not_exists(#version)"
        values = {"ExpressionAttributeValues": {":read": {"N": str(version)}}} if version else {}
        try:
            answer = self.client.put_item(
                TableName=self.table,
                Item={**_item_key(*key), "version": {"N": str(version + 1)}, **attributes},
                ConditionExpression=unchanged,
                ExpressionAttributeNames={"#version": "version"},
                # So that an answer that is none is noticed: without it DynamoDB answers an empty object.
                ReturnConsumedCapacity="TOTAL",
                **values,
            )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            raise LedgerConflictError(f"another run has written {'/'.join(key)}") from error
        if "ConsumedCapacity" not in answer:
            raise ValueError("DynamoDB has not confirmed the write")
        return version + 1


def parse_pause(item: Mapping[str, Any]) -> Pause:
    """Return a pause from its item.

    Raises:
        KeyError, ValueError: It is damaged.
    """
    return Pause(
        until=datetime.fromisoformat(item["until"]["S"]),
        since=datetime.fromisoformat(item["since"]["S"]),
        reason=item["reason"]["S"],
        by=item["by"]["S"],
    )


def _item_key(day: str, entry: str) -> dict[str, Any]:
    return {"day": {"S": day}, "entry": {"S": entry}}


def _item_version(item: Mapping[str, Any] | None) -> int:
    return 0 if item is None else int(item["version"]["N"])


def _day_record(item: Mapping[str, Any] | None) -> DayRecord | None:
    return None if item is None else decode_day(bytes(item["record"]["B"]))
