"""The one stream to the coordinator."""
