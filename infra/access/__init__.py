"""Who may do what in AWS: policies as values, the machines' roles, the boundary of all roles, the rights of jobs."""
