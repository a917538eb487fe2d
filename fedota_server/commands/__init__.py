"""The commands of `fedota`, one file for each group."""
