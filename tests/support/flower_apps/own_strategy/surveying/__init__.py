"""A Flower app with its own strategy and its own messages."""
