"""What the pages are put together from: each part shows one thing."""
