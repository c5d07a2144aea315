"""CloudWatch dashboards: what the environment costs, how builds and tests perform, and how the machines do."""
