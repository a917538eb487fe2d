"""The form for a new problem: one file for each of its steps."""
