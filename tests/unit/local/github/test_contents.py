"""Files, and the commits that change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from local.github import git
from local.github.records import Objects

if TYPE_CHECKING:
    from tests.unit.local.github.conftest import GitHub

WORKFLOW = ".github/workflows/ci.yml"


def message(response: Any) -> str:
    text: str = response.json["message"]
    return text


def test_the_repository_begins_with_a_readme_on_main(github: GitHub) -> None:
    assert github.read_file("README.md") == "# octo-repository\n"
    assert github.get()["default_branch"] == "main"
    assert [commit["commit"]["message"] for commit in github.get("/commits")] == ["Initial commit"]


def test_a_new_file_is_read_as_it_was_written(github: GitHub) -> None:
    response = github.put_file(WORKFLOW, "on: push\n")
    assert response.status_code == 201
    assert github.read_file(WORKFLOW) == "on: push\n"


def test_a_hash_is_the_one_that_git_computes(github: GitHub) -> None:
    response = github.put_file("hello.txt", "hello\n")
    assert response.json is not None
    assert response.json["content"]["sha"] == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_a_tree_with_directories_has_the_hash_that_git_computes() -> None:
    objects = Objects()
    hello = git.add_blob(objects, b"hello\n")
    files = {"a/b/c.txt": hello, "a.txt": hello, "a/d.txt": hello}
    assert git.tree_sha(files) == "e31c126771d97b65cbbc755a0757a485207382db"
    assert [entry.path for entry in git.walk_tree(files)] == ["a.txt", "a", "a/b", "a/b/c.txt", "a/d.txt"]


def test_a_change_needs_the_hash_of_what_it_replaces(github: GitHub) -> None:
    github.put_file("a.txt", "1")
    response = github.put_file("a.txt", "2")
    assert response.status_code == 422
    assert message(response) == 'Invalid request.\n\n"sha" wasn\'t supplied.'
    assert github.read_file("a.txt") == "1"


def test_a_change_of_what_somebody_else_changed_is_refused(github: GitHub) -> None:
    github.put_file("a.txt", "1")
    stale = github.get("/contents/a.txt")["sha"]
    github.put_file("a.txt", "2", sha=stale)
    response = github.put_file("a.txt", "3", sha=stale)
    assert response.status_code == 409
    assert message(response) == f"a.txt does not match {stale}"
    assert github.read_file("a.txt") == "2"


def test_a_change_answers_200_and_a_new_commit(github: GitHub) -> None:
    first = github.put_file("a.txt", "1").json
    assert first is not None
    second = github.put_file("a.txt", "2", sha=first["content"]["sha"])
    assert second.status_code == 200
    assert second.json is not None
    assert [parent["sha"] for parent in second.json["commit"]["parents"]] == [first["commit"]["sha"]]


def test_a_deleted_file_is_gone_and_its_history_stays(github: GitHub) -> None:
    github.put_file("a.txt", "1")
    sha = github.get("/contents/a.txt")["sha"]
    response = github.repo("DELETE", "/contents/a.txt", {"message": "Remove", "sha": sha})
    assert response.status_code == 200
    assert github.repo("GET", "/contents/a.txt").status_code == 404
    found = [commit["commit"]["message"] for commit in github.get("/commits?path=a.txt")]
    assert found == ["Remove", "Write a.txt"]


def test_a_file_that_is_missing_is_not_deleted(github: GitHub) -> None:
    response = github.repo("DELETE", "/contents/none.txt", {"message": "m"})
    assert response.status_code == 404
    assert len(github.get("/commits")) == 1


@pytest.mark.parametrize("missing", ["message", "content"])
def test_a_change_without_message_or_content_is_refused(github: GitHub, missing: str) -> None:
    body = {"message": "m", "content": ""}
    del body[missing]
    response = github.repo("PUT", "/contents/a.txt", body)
    assert response.status_code == 422
    assert message(response) == f'Invalid request.\n\n"{missing}" wasn\'t supplied.'


def test_content_that_is_no_base64_is_refused(github: GitHub) -> None:
    body = {"message": "m", "content": "!"}
    assert github.repo("PUT", "/contents/a.txt", body).status_code == 422


def test_a_file_is_written_to_the_branch_that_is_named(github: GitHub) -> None:
    github.branch("topic")
    github.put_file("a.txt", "1", branch="topic")
    assert github.read_file("a.txt", "topic") == "1"
    assert github.repo("GET", "/contents/a.txt").status_code == 404


@pytest.mark.parametrize("path", ["../a.txt", "a/../b.txt", "a//b.txt", "./a.txt", ".git/config", "a/.git"])
def test_a_path_that_leads_elsewhere_is_refused(github: GitHub, path: str) -> None:
    response = github.put_file(path, "1")
    assert response.status_code == 422
    assert message(response) == "path contains a malformed path component"


@pytest.mark.parametrize("path", ["README.md/below", "dir"])
def test_a_file_does_not_take_the_place_of_a_directory_or_the_reverse(github: GitHub, path: str) -> None:
    github.put_file("dir/a.txt", "1")
    assert github.put_file(path, "1").status_code == 422
    assert github.read_file("dir/a.txt") == "1"


@pytest.mark.parametrize("path", [".gitignore", ".github/a.txt", "a.git", "a..b", "..."])
def test_a_path_with_dots_is_a_path(github: GitHub, path: str) -> None:
    assert github.put_file(path, "1").status_code == 201


def test_a_branch_that_is_missing_is_refused(github: GitHub) -> None:
    response = github.put_file("a.txt", "1", branch="none")
    assert response.status_code == 404
    assert message(response) == "Branch none not found"


def test_a_file_is_read_at_any_commit(github: GitHub) -> None:
    first = github.put_file("a.txt", "1").json
    assert first is not None
    github.put_file("a.txt", "2", sha=first["content"]["sha"])
    assert github.read_file("a.txt", first["commit"]["sha"]) == "1"


def test_a_reference_that_is_missing_is_refused_by_name(github: GitHub) -> None:
    response = github.repo("GET", "/contents/README.md?ref=none")
    assert response.status_code == 404
    assert message(response) == "No commit found for the ref none"


def test_the_address_of_a_file_names_the_reference(github: GitHub) -> None:
    # The provider learns the branch from there.
    github.branch("a/b")
    assert github.get("/contents/README.md")["url"].endswith("/contents/README.md?ref=main")
    assert github.get("/contents/README.md?ref=a/b")["url"].endswith("?ref=a%2Fb")


def test_a_commit_names_the_tokens_user(github: GitHub) -> None:
    sha = github.put_file("a.txt", "1").json
    assert sha is not None
    commit = github.get(f"/commits/{sha['commit']['sha']}")
    assert commit["author"]["login"] == "octo-owner"
    assert commit["commit"]["author"]["email"].endswith("+octo-owner@users.noreply.github.com")


def test_a_commit_says_what_it_changed(github: GitHub) -> None:
    github.put_file("a.txt", "1\n2\n")
    files = github.get("/commits/main")["files"]
    assert [(file["filename"], file["status"], file["additions"]) for file in files] == [("a.txt", "added", 2)]


def test_a_commit_that_is_missing_is_refused(github: GitHub) -> None:
    response = github.repo("GET", f"/commits/{'0' * 40}")
    assert response.status_code == 422
    assert message(response) == f"No commit found for SHA: {'0' * 40}"
    assert github.repo("GET", "/commits?sha=none").status_code == 404


def test_a_classic_token_without_the_scope_does_not_see_that_workflows_are_forbidden(
    github: GitHub,
) -> None:
    github.use_classic_token()
    github.fault("missing-workflow-scope")
    response = github.put_file(WORKFLOW, "on: push\n")
    assert response.status_code == 404
    assert message(response) == "Not Found"


def test_a_fine_grained_token_without_the_permission_is_told_so(github: GitHub) -> None:
    github.fault("missing-workflow-scope")
    response = github.put_file(WORKFLOW, "on: push\n")
    assert response.status_code == 403
    assert message(response) == "Resource not accessible by personal access token"
    assert "workflows=write" in response.headers["X-Accepted-GitHub-Permissions"]


def test_a_classic_token_does_not_show_the_scope_that_it_lacks(github: GitHub) -> None:
    github.use_classic_token()
    github.fault("missing-workflow-scope", requests=1)
    refused = github.put_file(WORKFLOW, "on: push\n")
    assert (refused.status_code, refused.headers["X-OAuth-Scopes"]) == (404, "repo")
    accepted = github.put_file(WORKFLOW, "on: push\n")
    assert (accepted.status_code, accepted.headers["X-OAuth-Scopes"]) == (201, "repo, workflow")


def test_all_but_workflows_can_be_changed_without_the_scope(github: GitHub) -> None:
    github.fault("missing-workflow-scope")
    assert github.put_file(".github/dependabot.yml", "version: 2\n").status_code == 201
    assert github.read_file(".github/dependabot.yml") == "version: 2\n"


def test_workflows_can_be_read_without_the_scope(github: GitHub) -> None:
    github.put_file(WORKFLOW, "on: push\n")
    github.fault("missing-workflow-scope")
    assert github.read_file(WORKFLOW) == "on: push\n"


def test_the_tree_of_a_commit_lists_its_files(github: GitHub) -> None:
    github.put_file("dir/a.txt", "1\n")
    tree = github.get("/commits/main")["commit"]["tree"]["sha"]
    assert [(entry["path"], entry["type"]) for entry in github.get(f"/git/trees/{tree}?recursive=1")["tree"]] == [
        ("README.md", "blob"),
        ("dir", "tree"),
        ("dir/a.txt", "blob"),
    ]
    assert github.repo("GET", f"/git/trees/{'0' * 40}").status_code == 404
