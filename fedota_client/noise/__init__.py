"""Noise on what leaves: the mechanism, and the account of what it has cost so far."""
