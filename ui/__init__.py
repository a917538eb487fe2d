"""The pages that people use, and the one ASGI process around them."""
