"""Weekly hours in a time zone, as AWS and people count them."""
