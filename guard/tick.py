"""One tick: measure, decide, write the ledger, act, report."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from guard.account import read_account
from guard.billing import is_billing_due, read_billed_day
from guard.calls import CallFailure, error_text
from guard.decision import Situation, decide_restraints
from guard.effects import ActionOutcome, apply_plan, describe_action, tag_touched
from guard.ladder import LadderStep
from guard.ledger import Ledger, LedgerConflictError, LedgerView
from guard.messages import Message, write_message
from guard.meter import advance_meter
from guard.plan import plan_actions, release_held
from guard.readings import is_slow_reading_due, take_reading, take_slow_reading
from guard.records import DayRecord, HeldChanges

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from guard.calls import AwsCalls
    from guard.decision import GuardDecision
    from guard.environment import GuardSettings
    from guard.plan import Plan
    from guard.readings import Reading
    from guard.tariff import Tariff

READ_LEDGER, WRITE_LEDGER, PUBLISH = "dynamodb:BatchGetItem", "dynamodb:PutItem", "sns:Publish"

_WRITE_ATTEMPTS = 5

_ACTING_STEPS = frozenset({LadderStep.STOP_CLUSTER, LadderStep.STOP_ORCHESTRATOR})


@dataclass
class Memory:
    """What a process remembers of its last tick, for when the ledger cannot be read."""

    view: LedgerView | None = None


@dataclass(frozen=True, kw_only=True)
class TickReport:
    """What a tick has found and done.

    Attributes:
        decision: What must hold, and why.
        record: The day's record.
        outcomes: Changes, each with its error if it failed.
        failures: Calls that failed.
        message: What people were told, if anything.
    """

    decision: GuardDecision
    record: DayRecord
    outcomes: tuple[ActionOutcome, ...]
    failures: tuple[CallFailure, ...]
    message: Message | None

    @property
    def is_unreported(self) -> bool:
        """Whether the tick failed in what its successors or people rely on, so that the function must fail too."""
        return any(failure.call in {WRITE_LEDGER, PUBLISH} for failure in self.failures)


@dataclass
class GuardTick:
    """One tick.

    Attributes:
        calls: The account.
        settings: The guard's settings.
        tariff: Prices.
        memory: What the process remembers.
        now: The time.
        sleep: Waits.
    """

    calls: AwsCalls
    settings: GuardSettings
    tariff: Tariff
    memory: Memory
    now: datetime
    sleep: Callable[[float], None] = time.sleep
    ledger: Ledger = field(init=False)

    def __post_init__(self) -> None:
        """Truncate the time, as EC2's times are in seconds."""
        self.now = self.now.astimezone(UTC).replace(microsecond=0)
        self.ledger = Ledger(client=self.calls.service_client("dynamodb"), table=self.settings.ledger_table)

    def run_tick(self) -> TickReport:
        """Run the tick; a call that fails is part of the report."""
        view = self._read_ledger()
        readings = [take_reading(self.calls, self.settings, self.tariff, self._day_record(view), now=self.now)]
        preview, decision = self._advance_day(view, readings)
        # Over the limit, acting comes first.
        if is_slow_reading_due(preview, self.now) and not _ACTING_STEPS & set(decision.new_steps):
            readings.append(take_slow_reading(self.calls, self.settings, self.tariff, now=self.now))
        reads_billing = is_billing_due(preview, self.now)
        view, decision = self._commit_day(view, readings, reads_billing=reads_billing)
        outcomes = self._act_on(view, decision, readings[0])
        if reads_billing and view.before is not None:
            view = self._reconcile_billing(view, view.before)
        message, view = self._report_news(view, decision, outcomes)
        self.memory.view = view
        return TickReport(
            decision=decision,
            record=self._day_record(view),
            outcomes=tuple(outcomes),
            failures=tuple(self.calls.failures),
            message=message,
        )

    def _read_ledger(self) -> LedgerView:
        view = self.calls.attempt_call(READ_LEDGER, lambda: self.ledger.read_ledger(self.now.date()))
        if view is not None:
            return view
        known = self.memory.view
        if known is not None and known.day is not None and known.day.meter.day == self.now.date():
            return known
        return LedgerView.unread_ledger(before=known.day if known else None)

    def _day_record(self, view: LedgerView) -> DayRecord:
        return view.day or DayRecord.start_day(self.now.date(), view.before)

    def _advance_day(self, view: LedgerView, readings: Sequence[Reading]) -> tuple[DayRecord, GuardDecision]:
        """Return the day's record with what was measured, and the decision."""
        record = self._day_record(view)
        fast = readings[0]
        spot, gateways, slow_at = {**record.spot_usd, **fast.spot_usd}, record.nat_gateways, record.slow_reading_at
        measured = fast.measurement
        for slow in readings[1:]:
            measured = replace(measured, hourly_usd=slow.measurement.hourly_usd)
            gateways = gateways if slow.nat_gateways is None else slow.nat_gateways
            slow_at = self.now if slow.is_slow else slow_at
        meter = advance_meter(record.meter, measured)
        decision = decide_restraints(
            Situation(
                at=self.now,
                spent_usd=meter.usd,
                budget_usd=self.settings.budget_usd,
                ladder=self.settings.ladder,
                announced=record.announced,
                pause=view.pause,
                unmeasured=tuple(dict.fromkeys(failure.call for failure in self.calls.failures)),
            )
        )
        return replace(record, meter=meter, spot_usd=spot, nat_gateways=gateways, slow_reading_at=slow_at), decision

    def _commit_day(
        self, view: LedgerView, readings: Sequence[Reading], *, reads_billing: bool
    ) -> tuple[LedgerView, GuardDecision]:
        """Write what was measured, and return the decision that goes with it."""
        attempts: list[tuple[DayRecord, GuardDecision]] = []

        def advance(known: LedgerView) -> DayRecord:
            record, decision = self._advance_day(known, readings)
            record = replace(
                record,
                announced=record.announced | {step.value for step in decision.new_steps},
                billing_reads=record.billing_reads + reads_billing,
            )
            attempts.append((record, decision))
            self._close_day(known, readings)
            return record

        view, is_settled = self._store_day(view, advance)
        record, decision = attempts[-1]
        if not is_settled:
            error = "another run writes the ledger all the time"
            self.calls.failures.append(CallFailure(call=WRITE_LEDGER, error=error))
            view = replace(view, day=record)
        return view, decision

    def _store_day(self, view: LedgerView, change: Callable[[LedgerView], DayRecord]) -> tuple[LedgerView, bool]:
        """Write a changed record of the day; if another run has written meanwhile, change what that run wrote.

        Return the ledger, and whether it has the record: other runs can keep this one from writing. A record that
        cannot be written is kept in memory.
        """
        for _ in range(_WRITE_ATTEMPTS):
            record = change(view)
            try:
                version = self.ledger.write_day(record, version=view.day_version)
            except LedgerConflictError:
                known = self.calls.attempt_call(READ_LEDGER, lambda: self.ledger.read_ledger(self.now.date()))
                if known is None:
                    break
                view = known
            except Exception as error:  # noqa: BLE001 — without the ledger the guard still acts
                self.calls.failures.append(CallFailure(call=WRITE_LEDGER, error=error_text(error)))
                return replace(view, day=record), True
            else:
                return replace(view, day=record, day_version=version), True
        return view, False

    def _close_day(self, view: LedgerView, readings: Sequence[Reading]) -> None:
        """Count the last minutes of the day before, at the first tick of a day."""
        before = view.before
        if view.day is None and before is not None and view.before_version:
            self.calls.attempt_call(
                WRITE_LEDGER,
                lambda: self.ledger.write_day(
                    replace(before, meter=advance_meter(before.meter, readings[0].measurement)),
                    version=view.before_version,
                ),
            )

    def _act_on(self, view: LedgerView, decision: GuardDecision, reading: Reading) -> list[ActionOutcome]:
        """Make the account what the decision says, and remember what to restore."""
        if not decision.is_restraining and view.held.is_empty:
            return []
        account = read_account(self.calls, self.settings, decision, view.held, reading.instances)
        plan = plan_actions(decision, account, view.held)
        if self.settings.is_dry_run:
            return [ActionOutcome(action=action, summary=describe_action(action)) for action in plan.actions]
        version = self._write_held(view.held, plan.held, view.held_version)
        spared = frozenset(each.id for each in account.instances if account.is_orchestrator(each))
        outcomes = apply_plan(
            self.calls,
            self.settings,
            plan,
            spared=spared | ({account.orchestrator_id} - {""}),
            sleep=self.sleep,
        )
        self._release_changes(plan, outcomes, version)
        tag_touched(self.calls, outcomes, reason=decision.reason, at=self.now)
        return outcomes

    def _release_changes(self, plan: Plan, outcomes: Sequence[ActionOutcome], version: int) -> None:
        released = release_held(plan.held, [outcome.action for outcome in outcomes if not outcome.error])
        self._write_held(plan.held, released, version)

    def _write_held(self, before: HeldChanges, after: HeldChanges, version: int) -> int:
        if after == before:
            return version
        written = self.calls.attempt_call(WRITE_LEDGER, lambda: self.ledger.write_held(after, version=version))
        return version if written is None else written

    def _reconcile_billing(self, view: LedgerView, before: DayRecord) -> LedgerView:
        """Read what the day before was billed."""
        found = self.calls.attempt_call(
            "ce:GetCostAndUsage", lambda: read_billed_day(self.calls, self.settings, before)
        )
        return view if found is None else self._amend_day(view, lambda record: replace(record, reconciliation=found))

    def _report_news(
        self, view: LedgerView, decision: GuardDecision, outcomes: Sequence[ActionOutcome]
    ) -> tuple[Message | None, LedgerView]:
        """Tell people what is new: a step, a change, or a call that has not failed today before."""
        record = self._day_record(view)
        failures, missed = tuple(self.calls.failures), sorted(self.tariff.missed)
        troubles = {f"{failure.call} {failure.subject}" for failure in failures} | set(missed)
        new_troubles = troubles - record.announced
        has_acted = any(not outcome.error for outcome in outcomes)
        if not (decision.new_steps or new_troubles or (has_acted and not self.settings.is_dry_run)):
            return None, view
        message = write_message(
            self.settings, decision, record, outcomes=outcomes, failures=failures, missed_prices=missed
        )
        if self.calls.attempt_call(PUBLISH, lambda: self._publish_message(message)) is None:
            # The next tick tells it.
            untold = {step.value for step in decision.new_steps}
            return message, self._amend_day(view, lambda known: replace(known, announced=known.announced - untold))
        if new_troubles:
            view = self._amend_day(view, lambda known: replace(known, announced=known.announced | new_troubles))
        return message, view

    def _publish_message(self, message: Message) -> str:
        answer = self.calls.service_client("sns").publish(
            TopicArn=self.settings.alert_topic_arn,
            Subject=message.subject,
            Message=message.body,
            # The guard's own subscription leaves such messages out.
            MessageAttributes={"sender": {"DataType": "String", "StringValue": "cost-guard"}},
        )
        return str(answer["MessageId"])

    def _amend_day(self, view: LedgerView, change: Callable[[DayRecord], DayRecord]) -> LedgerView:
        """Change the day's record once more, unless other runs keep this one from writing."""
        amended, _ = self._store_day(view, lambda known: change(self._day_record(known)))
        return amended
