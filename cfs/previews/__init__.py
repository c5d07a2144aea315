"""Changes in the output of `pulumi preview --json`."""
