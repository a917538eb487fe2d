"""`fedota doctor`: what is wrong with an installation, and what to do about it."""

from fedota_server.webserver.doctor.doctor import Doctor
from fedota_server.webserver.doctor.finding import Finding, State
from fedota_server.webserver.doctor.last_trials import LastTrials, TrialsSeen

__all__ = ["Doctor", "Finding", "LastTrials", "State", "TrialsSeen"]
