"""The state file: read at start, and replaced after every change.

A new file is written next to the old one and renamed over it, so a process killed at any moment leaves either the
old state or the new one.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from pydantic import TypeAdapter, ValidationError

from local.github import git
from local.github.clock import current_timestamp
from local.github.keys import new_key_pair
from local.github.records import Account, Person, RepositoryRecord, ServiceState

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_CODEC = TypeAdapter(ServiceState)
_FIRST_ID = 1000


class StateError(Exception):
    """The state file cannot be used, for the reason in the message."""


def new_state(owner: str, repository: str) -> ServiceState:
    """Create the state of an owner and a repository with an initial commit."""
    moment = current_timestamp()
    state = ServiceState(
        owner=Account(login=owner, id=_FIRST_ID),
        repository=RepositoryRecord(
            id=_FIRST_ID + 1,
            name=repository,
            created_at=moment,
            updated_at=moment,
            pushed_at=moment,
            key=new_key_pair(),
        ),
        last_id=_FIRST_ID + 1,
    )
    person = Person(name="GitHub", email="noreply@github.com", date=moment)
    commit = git.store_commit(
        state.repository.objects,
        {"README.md": git.add_blob(state.repository.objects, f"# {repository}\n".encode())},
        git.CommitDraft(parents=(), message="Initial commit", author=person),
    )
    state.repository.refs[f"refs/heads/{state.repository.default_branch}"] = commit.sha
    return state


class StateStore:
    """The state in memory and in its file."""

    def __init__(self, path: Path, state: ServiceState) -> None:
        """Create a store of `state`; `path` already contains it, or will after the first `save_state`."""
        self.path = path
        self.state = state
        self.lock = threading.RLock()
        """Hold this while reading or changing the state."""

    @classmethod
    def open_file(cls, path: Path, *, owner: str, repository: str) -> StateStore:
        """Read the state, or create the file if there is none.

        Raises:
            StateError: The file is unreadable, or belongs to another owner or repository.
        """
        if not path.exists():
            store = cls(path, new_state(owner, repository))
            store.save_state()
            return store
        try:
            state = _CODEC.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise StateError(f"{path} is not a state file of this version: {error}") from error
        found = f"{state.owner.login}/{state.repository.name}"
        if found != (wanted := f"{owner}/{repository}"):
            raise StateError(f"{path} holds {found}, not {wanted}: choose another file with --state")
        return cls(path, state)

    def save_state(self) -> None:
        """Write the state to its file."""
        with self.lock:
            temporary = self.path.with_name(f".{self.path.name}.new")
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(_CODEC.dump_json(self.state, indent=1))
            temporary.replace(self.path)


@contextmanager
def lock_state_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file; it is released even if this process is killed.

    Raises:
        StateError: Another process serves the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
            yield
    except Timeout as error:
        raise StateError(f"another process serves {path}: stop it or choose another file") from error
