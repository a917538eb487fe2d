"""What the browser tests are made of: a platform, visitors, clients."""
