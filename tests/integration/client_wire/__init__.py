"""The client against a scripted selector, over TLS on loopback."""
