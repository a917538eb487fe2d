"""The coordinator: one process per problem, Flower's strategy on our Grid."""
