"""Checks each request as AWS does before it executes it: by the service models in botocore, and by documented rules."""
