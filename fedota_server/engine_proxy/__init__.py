"""A door to the Docker engine that lets pass only what the platform's spawners need.

Whoever reaches an engine's socket is root on its host. The webserver therefore reaches it only
through this proxy, which looks at bodies as well as at paths.
"""
