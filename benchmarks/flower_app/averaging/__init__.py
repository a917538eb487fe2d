"""A Flower app that costs nothing but its rounds."""
