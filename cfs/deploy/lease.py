"""One deployment at a time: the record of an environment belongs to whoever holds its lease.

Whoever works renews the lease with everything that it writes; a write after somebody else has taken over fails, and
the work ends there.
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

    from cfs.deploy.artifact_store import ArtifactStore
    from cfs.deploy.clock import DeployClock
    from cfs.deploy.stored_documents import EndedRollOut, RollOut

LEASE_SECONDS = 600
"""A holder that was not heard of for so long counts as dead: no call of AWS with all its retries takes as long."""

LEASE_HEARTBEAT_SECONDS = 60
"""How often a holder is heard of, at least, while it waits."""


class LeaseLostError(UserError):
    """Somebody else has taken over: nothing more may be done here."""


class HeldRecord:
    """The record of an environment while its lease is held."""

    def __init__(
        self, store: ArtifactStore, *, environment: str, holder: str, clock: DeployClock, run: str = ""
    ) -> None:
        """Prepare to hold the lease.

        Args:
            store: The environment's bucket.
            environment: The stack's name.
            holder: Who takes it, for people.
            clock: The time.
            run: Page of the workflow run that takes it; "" outside one.
        """
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
        """Hold the lease, and give it back in the end; whoever is killed meanwhile keeps it until it expires."""
        self._take_lease()
        try:
            yield
        finally:
            self._release_lease()

    def write_progress(self, *, roll_out: RollOut | None, last: EndedRollOut | None = None) -> None:
        """Write how far the work is, and renew the lease.

        Raises:
            LeaseLostError: Somebody else has taken over.
        """
        self._replace_record(DeployRecord(lease=self._new_lease(), roll_out=roll_out, last=last or self.record.last))

    def renew_if_due(self) -> None:
        """Renew the lease if it is time to.

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
            # It has been taken over: it is not ours to give back.
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
                repair=f"see who it is by `cfs deploy status --environment {self._environment}`, and leave it to them",
            ) from error
        self.record = record


def read_deploy_record(store: ArtifactStore, environment: str) -> tuple[DeployRecord, str | None]:
    """Read an environment's record, which is empty where there is none, and its ETag."""
    stored = store.read_object(record_key(environment))
    if stored is None:
        return DeployRecord(), None
    return DeployRecord.parse_document(stored.body, key=record_key(environment)), stored.etag


def lease_holder(variables: Mapping[str, str]) -> str:
    """Return who deploys: the run of a workflow, or somebody on a machine."""
    if run := run_page_url(variables):
        return f"{variables.get('GITHUB_ACTOR')}, {run}"
    return f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"


def _lease_held_error(lease: DeployLease, environment: str) -> UserError:
    return UserError(
        f"{lease.holder} is deploying to {environment}, last heard of at {_moment_text(lease.heartbeat)}.",
        repair=f"wait for it to end. If it is dead, give the same command again after {_moment_text(lease.expires)}: "
        "it then takes over and goes on where that one stopped",
    )


def _moment_text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
