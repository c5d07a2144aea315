"""How long previews and deployments take, and how many processes, how much memory and how many calls that needs."""
