"""Flower's strategies, built from a problem, and the wrappers of our own around them."""
