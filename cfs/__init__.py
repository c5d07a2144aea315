"""What runs on the operator's machine: the console command `cfs` and its parts."""
