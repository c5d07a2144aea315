"""The state file: read at start, replaced as a whole after every change.

The file is written beside its final place and then renamed over it, so that a process killed at any moment
leaves either the old state or the new one.
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
    """The state file cannot be used; the message says why."""


def new_state(owner: str, repository: str) -> ServiceState:
    """Make an owner with one repository that holds an initial commit."""
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
        """Keep `state`, which `path` holds already or will hold after the first `save`."""
        self.path = path
        self.state = state
        self.lock = threading.RLock()
        """To be held while the state is read or changed."""

    @classmethod
    def open_file(cls, path: Path, *, owner: str, repository: str) -> StateStore:
        """Read the state, or make the file where there is none yet.

        Raises:
            StateError: The file is unreadable, or holds another owner or repository.
        """
        if not path.exists():
            store = cls(path, new_state(owner, repository))
            store.save_state()
            return store
        try:
            state = _CODEC.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise StateError(f"{path} is no state of this version: {error}") from error
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
    """Keep every other process from serving the same file, until this one ends however it ends.

    Raises:
        StateError: Another process serves the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(path.with_name(f".{path.name}.lock"), timeout=0):
            yield
    except Timeout as error:
        raise StateError(f"another process serves {path}: stop it or choose another file") from error
