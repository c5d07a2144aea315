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

from cfs.deploy.documents import Lease, Record, record_key
from cfs.deploy.store import ConflictError
from terminal.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from cfs.deploy.clock import Clock
    from cfs.deploy.documents import Ended, RollOut
    from cfs.deploy.store import Store

LEASE_SECONDS = 600
"""A holder that was not heard of for so long counts as dead: no call of AWS with all its retries takes as long."""

HEARTBEAT_SECONDS = 60
"""How often a holder is heard of, at least, while it waits."""


class LeaseLostError(UserError):
    """Somebody else has taken over: nothing more may be done here."""


class HeldRecord:
    """The record of an environment while its lease is held."""

    def __init__(self, store: Store, *, environment: str, holder: str, clock: Clock) -> None:
        """Prepare to hold the lease."""
        self._store = store
        self._environment = environment
        self._key = record_key(environment)
        self._holder = holder
        self._token = str(uuid.uuid4())
        self._clock = clock
        self._etag: str | None = None
        self.record = Record()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lease, and give it back in the end; whoever is killed meanwhile keeps it until it expires.

        Raises:
            UserError: Somebody else holds it.
        """
        self._take()
        try:
            yield
        finally:
            self._give_back()

    def write(self, *, roll_out: RollOut | None, last: Ended | None = None) -> None:
        """Write how far the work is, and renew the lease.

        Raises:
            LeaseLostError: Somebody else has taken over.
        """
        self._write(Record(lease=self._lease(), roll_out=roll_out, last=last or self.record.last))

    def beat(self) -> None:
        """Renew the lease if it is time to.

        Raises:
            LeaseLostError: Somebody else has taken over.
        """
        lease = self.record.lease
        if lease is None or self._clock.now() - lease.heartbeat >= timedelta(seconds=HEARTBEAT_SECONDS):
            self.write(roll_out=self.record.roll_out)

    def _take(self) -> None:
        record, self._etag = read_record(self._store, self._environment)
        self.record = record
        if record.lease is not None and record.lease.expires > self._clock.now():
            raise _held(record.lease, self._environment)
        try:
            self._write(record.model_copy(update={"lease": self._lease()}))
        except LeaseLostError as error:
            record, _ = read_record(self._store, self._environment)
            raise (_held(record.lease, self._environment) if record.lease else error) from error

    def _give_back(self) -> None:
        try:
            self._write(self.record.model_copy(update={"lease": None}))
        except LeaseLostError:
            # It has been taken over: it is not ours to give back.
            return

    def _lease(self) -> Lease:
        now = self._clock.now()
        return Lease(
            holder=self._holder, token=self._token, heartbeat=now, expires=now + timedelta(seconds=LEASE_SECONDS)
        )

    def _write(self, record: Record) -> None:
        try:
            self._etag = self._store.replace(self._key, record.body(), etag=self._etag)
        except ConflictError as error:
            raise LeaseLostError(
                f"Another deployment to {self._environment} has taken the lease over from this one.",
                repair=f"see who it is by `cfs deploy status --environment {self._environment}`, and leave it to them",
            ) from error
        self.record = record


def read_record(store: Store, environment: str) -> tuple[Record, str | None]:
    """Read an environment's record, which is empty where there is none, and its ETag."""
    stored = store.read(record_key(environment))
    if stored is None:
        return Record(), None
    return Record.read(stored.body, key=record_key(environment)), stored.etag


def holder(variables: Mapping[str, str]) -> str:
    """Say who deploys: the run of a workflow, or somebody on a machine."""
    if run := variables.get("GITHUB_RUN_ID"):
        where = f"{variables.get('GITHUB_SERVER_URL')}/{variables.get('GITHUB_REPOSITORY')}/actions/runs/{run}"
        return f"{variables.get('GITHUB_ACTOR')}, {where}"
    return f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}"


def _held(lease: Lease, environment: str) -> UserError:
    return UserError(
        f"{lease.holder} is deploying to {environment}, last heard of at {_clock(lease.heartbeat)}.",
        repair=f"wait for it to end. If it is dead, give the same command again after {_clock(lease.expires)}: "
        "it then takes over and goes on where that one stopped",
    )


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
