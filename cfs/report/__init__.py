"""`cfs report`: the dashboards as one page that needs no network."""
