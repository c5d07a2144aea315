"""Access to AWS: policies as values, roles of machines and services, the permissions boundary, rights of jobs."""
