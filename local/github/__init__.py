"""A stand-in for GitHub's REST API on this machine, for one owner and one repository.

It serves the calls that the GitHub provider and the console make, so programs can be tested without
an account. See `python -m local.github --help`. All state is in one JSON file
(`state.py`); faults, for example a rate limit, are switched on at `/_control/faults` (`faults.py`, `control.py`).
Tests validate every route's response against GitHub's published schema.

Known gaps against the real GitHub:

- The owner is a user, not an organization.
- Tokens are not verified: one is always required, and any token grants full access.
- Timestamps of one record never repeat: a second change within a second is dated one second later, so a client
  that compares them detects every change.
- Reads reflect writes immediately; on GitHub this may take seconds.
- Responses are JSON only, without raw or rendered files. Files have no mode: there are no executables, symbolic
  links or submodules. Files above 1 MB are returned inline; GitHub does this only up to that size.
- Commits are unsigned and have no patches: a changed file counts as fully rewritten. Pull requests can be opened,
  edited and closed, but not merged or reviewed.
- Of rulesets and branch protection, only the demand for a pull request is enforced, and only on files.
- Workflows never run, webhooks are never sent, and there is no GraphQL.
- Lists are paginated, but without links to the other pages.
- Only a fault exhausts the rate limit.
"""
