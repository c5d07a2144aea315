"""A stand-in for GitHub's REST API on this machine, for one owner and one repository.

It answers the calls that the GitHub provider and the console make, so that programs can be tried without
an account. Start it with `python -m local.github --help`. What it stores lives in one JSON file
(`state.py`); faults such as a rate limit are switched on at `/_control/faults` (`faults.py`, `control.py`).
Tests check every route's answer by GitHub's published schema.

Known gaps against the real GitHub:

- The owner is a user, not an organization.
- Tokens are not checked, but one is always needed, and any token opens everything.
- Timestamps of one record never repeat: a second change within a second is dated one second later, so that
  a client that compares them sees every change.
- Everything is consistent at once; GitHub may take seconds until a read shows what was written.
- Only JSON is answered, no raw or rendered files. Files have no mode: there are no executables, symbolic
  links or submodules. Files above 1 MB are answered inline, which GitHub does only up to that size.
- Commits are not signed and have no patches: a changed file counts as rewritten. Pull requests can be opened,
  edited, and closed, not merged or reviewed.
- Of rulesets and branch protection, only the demand for a pull request is enforced, and only on files.
- Workflows never run, webhooks are never sent, and GraphQL is not served.
- Lists come in pages, but do not name the other pages.
- The rate limit runs out by a fault only.
"""
