"""Time-outs of a group's lifecycle hooks."""

BOOT_HOOK_SECONDS = 1200
"""Time in seconds after which a group replaces a node that has not reported success: 8 minutes in which a boot retries
failing network requests, 4 for the release, and the reports."""

DRAIN_HOOK_SECONDS = 300
"""Time in seconds after which a group terminates an undrained node: the drain's 110 s and the runbook's other steps."""
