"""One deployment at a time: only the holder of an environment's lease writes its record.

Every write renews the lease. A write fails, and ends the run, once somebody else has taken over.
"""

from __future__ import annotations

import getpass
import os
import socket
import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from cfs.deploy.artifact_store import ConflictError
from cfs.deploy.stored_documents import DeployLease, DeployRecord, record_key
from terminal.errors import UserError
from terminal.job_outputs import run_page_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from cfs.clock import Clock
    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.stored_documents import EndedRollOut, RollOut

LEASE_SECONDS = 600
"""A holder that has not renewed for this long counts as dead. No AWS call takes this long, even with its retries."""

LEASE_HEARTBEAT_SECONDS = 60
"""Maximum time between two renewals while the holder waits."""


class LeaseLostError(UserError):
    """Somebody else has taken over; this run must stop."""


class HeldRecord:
    """An environment's record, written under its lease."""

    def __init__(self, store: ArtifactStore, *, environment: str, holder: str, clock: Clock, run: str = "") -> None:
        """Take the bucket, the holder's name for people, and the page of its workflow run, or ""."""
        self._store = store
        self._environment = environment
        self._key = record_key(environment)
        self._holder = holder
        self._run = run
        self._token = str(uuid.uuid4())
        self._clock = clock
        self._etag: str | None = None
        self.record = DeployRecord()

    @contextmanager
    def hold_lease(self) -> Iterator[None]:
        """Hold the lease for the block. After a kill it stays held until it expires."""
        self._take_lease()
        try:
            yield
        finally:
            self._release_lease()

    def write_progress(self, *, roll_out: RollOut | None, last: EndedRollOut | None = None) -> None:
        """Write the progress of the roll-out, and renew the lease.

        Raises:
            LeaseLostError: Somebody else has taken over.
        """
        self._replace_record(DeployRecord(lease=self._new_lease(), roll_out=roll_out, last=last or self.record.last))

    def renew_if_due(self) -> None:
        """Renew the lease if the last renewal is at least `LEASE_HEARTBEAT_SECONDS` ago.

        Raises:
            LeaseLostError: Somebody else has taken over.
        """
        lease = self.record.lease
        if lease is None or self._clock.now() - lease.heartbeat >= timedelta(seconds=LEASE_HEARTBEAT_SECONDS):
            self.write_progress(roll_out=self.record.roll_out)

    def _take_lease(self) -> None:
        record, self._etag = read_deploy_record(self._store, self._environment)
        self.record = record
        if record.lease is not None and not self._may_take_over(record.lease):
            raise _lease_held_error(record.lease, self._environment)
        try:
            self._replace_record(record.model_copy(update={"lease": self._new_lease()}))
        except LeaseLostError as error:
            record, _ = read_deploy_record(self._store, self._environment)
            raise (_lease_held_error(record.lease, self._environment) if record.lease else error) from error

    def _may_take_over(self, lease: DeployLease) -> bool:
        # Steps and attempts of one run never overlap: the step that took the lease has ended.
        return lease.expires <= self._clock.now() or ("" != self._run == lease.run)

    def _release_lease(self) -> None:
        try:
            self._replace_record(self.record.model_copy(update={"lease": None}))
        except LeaseLostError:
            # Somebody else holds it now.
            return

    def _new_lease(self) -> DeployLease:
        now = self._clock.now()
        return DeployLease(
            holder=self._holder,
            run=self._run,
            token=self._token,
            heartbeat=now,
            expires=now + timedelta(seconds=LEASE_SECONDS),
        )

    def _replace_record(self, record: DeployRecord) -> None:
        try:
            self._etag = self._store.replace_object(self._key, record.to_bytes(), etag=self._etag)
        except ConflictError as error:
            raise LeaseLostError(
                f"Another deployment to {self._environment} has taken the lease over from this one.",
                repair=f"see whose it is with `cfs deploy status --environment {self._environment}`, and let it finish",
            ) from error
        self.record = record


def read_deploy_record(store: ArtifactStore, environment: str) -> tuple[DeployRecord, str | None]:
    """Return an environment's record, empty if there is none, and its ETag."""
    stored = store.read_object(record_key(environment))
    if stored is None:
        return DeployRecord(), None
    return DeployRecord.parse_document(stored.body, key=record_key(environment)), stored.etag


def lease_holder(variables: Mapping[str, str]) -> str:
    """Return the holder's name for people: actor and workflow run, or user, machine and process."""
    if run := run_page_url(variables):
        return f"{variables.get('GITHUB_ACTOR')}, {run}"
    return f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"


def _lease_held_error(lease: DeployLease, environment: str) -> UserError:
    return UserError(
        f"{lease.holder} is deploying to {environment}, last renewed at {_moment_text(lease.heartbeat)}.",
        repair=f"wait for it to end. If it is dead, run the same command again after {_moment_text(lease.expires)}: "
        "it then takes over and resumes the roll-out",
    )


def _moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
