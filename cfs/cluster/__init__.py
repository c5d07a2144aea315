"""`cfs cluster`: the test cluster started out of hours, stopped, and seen with what it costs.

Node groups are found by their tags, so that neither Pulumi nor its state is needed. What is to be done is decided in
modules that call nothing (`durations`, `stops`, `failures`, `costs`, `fallback`); `aws` makes all calls.
"""
