"""`cfs cluster`: starts the test cluster outside its schedule, stops it, and shows its state and cost.

Node groups are found by their tags, so that neither Pulumi nor its state is needed.
"""
