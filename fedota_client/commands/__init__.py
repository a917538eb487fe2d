"""The commands of `fedota-client`, one module for each group."""
