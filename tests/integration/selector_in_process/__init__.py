"""A selector in this process, between a scripted coordinator and clients, over loopback TLS."""
