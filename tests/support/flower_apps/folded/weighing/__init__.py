"""A Flower app that declares a mean."""
