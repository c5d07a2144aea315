"""The console command `cfs`: which command is where."""
