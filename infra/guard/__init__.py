"""The cost guard: its function, triggers, state and alarms, and cost anomaly detection."""
