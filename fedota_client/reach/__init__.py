"""Which way the platform is reached from here, and what stands in it."""
