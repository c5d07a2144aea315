"""The error that is shown to users.

Any function of the commands may raise it, so docstrings list only other errors.
"""

from __future__ import annotations


class UserError(Exception):
    """A failure that the user can repair.

    The console prints it without a traceback and exits with status 1.
    """

    def __init__(self, problem: str, *, repair: str) -> None:
        """Describe the failure.

        Args:
            problem: What is wrong, naming the value at fault; one or more full sentences.
            repair: What to do about it: a command to run or a value to set.
        """
        super().__init__(problem)
        self.problem = problem
        self.repair = repair

    def __str__(self) -> str:
        """Return the problem and the repair, for logs and tests."""
        return f"{self.problem}\n  Repair: {self.repair}"
