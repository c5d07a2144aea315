"""`cfs cost`: what a stack costs, before it is deployed."""
