"""The pages, which arrange parts and call use cases."""
