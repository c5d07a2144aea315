"""The policy pack: rules that Pulumi checks on each preview and `up`; `__main__.py` hands them to the engine."""
