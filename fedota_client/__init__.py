"""What a data holder runs: the client, its worker, and the jobs that need Keras."""
