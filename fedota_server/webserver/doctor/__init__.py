"""`fedota doctor`: what is wrong with an installation, and what to do about it."""

from fedota_server.webserver.doctor.doctor import Doctor
from fedota_server.webserver.doctor.finding import Finding, State

__all__ = ["Doctor", "Finding", "State"]
