"""The cost guard: a Lambda function that meters what runs and stops it at the day's budget.

It imports `costs` and what its package carries, nothing else of the project.
"""
