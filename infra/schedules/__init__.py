"""Weekly schedules in a time zone, and the scheduled actions for them."""
