"""Git objects, hashed as in Git: every hash equals the one in a clone."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from local.github.clock import epoch_seconds
from local.github.records import CommitRecord, Objects, Person

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FILE_MODE = "100644"
DIRECTORY_MODE = "040000"


@dataclass(frozen=True, kw_only=True)
class TreeEntry:
    """One name in a directory."""

    path: str
    sha: str
    is_directory: bool

    @property
    def last_part(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """The change of one file between two trees; a hash of None means that the file is absent."""

    path: str
    old: str | None
    new: str | None

    @property
    def change_status(self) -> str:
        """GitHub's status of the change."""
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "modified"


@dataclass(frozen=True, kw_only=True)
class CommitDraft:
    """A commit's content, except its files."""

    parents: tuple[str, ...]
    message: str
    author: Person


def _hash_object(kind: str, content: bytes) -> str:
    # Git's own format prescribes SHA-1.
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def add_blob(objects: Objects, content: bytes) -> str:
    """Store a file's content and return its hash."""
    sha = _hash_object("blob", content)
    objects.blobs[sha] = base64.b64encode(content).decode()
    return sha


def read_blob(objects: Objects, sha: str) -> bytes:
    """Return a file's content."""
    return base64.b64decode(objects.blobs[sha])


def list_directory(files: Mapping[str, str], directory: str = "") -> list[TreeEntry]:
    """List a directory of a flat tree in Git's order; a missing directory has no entries."""
    prefix = f"{directory}/" if directory else ""
    names: dict[str, TreeEntry] = {}
    for path, sha in files.items():
        if not path.startswith(prefix):
            continue
        name, slash, _ = path[len(prefix) :].partition("/")
        if (key := name + slash) not in names:
            child = prefix + name
            names[key] = TreeEntry(
                path=child,
                sha=tree_sha(files, child) if slash else sha,
                is_directory=bool(slash),
            )
    # Git sorts a directory as if its name ended with a slash.
    return [names[name] for name in sorted(names)]


def walk_tree(files: Mapping[str, str], directory: str = "") -> Iterator[TreeEntry]:
    """List a directory of a flat tree recursively."""
    for entry in list_directory(files, directory):
        yield entry
        if entry.is_directory:
            yield from walk_tree(files, entry.path)


def tree_sha(files: Mapping[str, str], directory: str = "") -> str:
    """Hash a directory of a flat tree recursively."""
    content = b"".join(
        f"{DIRECTORY_MODE.lstrip('0') if entry.is_directory else FILE_MODE} {entry.last_part}\0".encode()
        + bytes.fromhex(entry.sha)
        for entry in list_directory(files, directory)
    )
    return _hash_object("tree", content)


def _identity_line(person: Person) -> str:
    return f"{person.name} <{person.email}> {epoch_seconds(person.date)} +0000"


def store_commit(objects: Objects, files: Mapping[str, str], draft: CommitDraft) -> CommitRecord:
    """Store a flat tree and a commit of it."""
    tree = tree_sha(files)
    objects.trees[tree] = dict(files)
    lines = [
        f"tree {tree}",
        *(f"parent {parent}" for parent in draft.parents),
        f"author {_identity_line(draft.author)}",
        f"committer {_identity_line(draft.author)}",
        "",
        draft.message,
    ]
    made = CommitRecord(
        sha=_hash_object("commit", "\n".join(lines).encode()),
        tree=tree,
        parents=draft.parents,
        message=draft.message,
        author=draft.author,
    )
    objects.commits[made.sha] = made
    return made


def commit_history(objects: Objects, sha: str) -> Iterator[CommitRecord]:
    """Yield a commit and its first-parent ancestors, back to the root."""
    current: str | None = sha
    while current is not None:
        found = objects.commits[current]
        yield found
        current = found.parents[0] if found.parents else None


def commit_changes(objects: Objects, made: CommitRecord) -> list[FileChange]:
    """Compare a commit with its first parent."""
    old = objects.trees[objects.commits[made.parents[0]].tree] if made.parents else {}
    return compare_trees(old, objects.trees[made.tree])


def compare_trees(old: Mapping[str, str], new: Mapping[str, str]) -> list[FileChange]:
    """Compare two flat trees."""
    return [
        FileChange(path=path, old=old.get(path), new=new.get(path))
        for path in sorted(old.keys() | new.keys())
        if old.get(path) != new.get(path)
    ]
