"""`cfs cluster`: starts the test cluster outside its schedule, stops it, and shows its state and cost.

Node groups are found by their tags, without Pulumi or its state.
"""
