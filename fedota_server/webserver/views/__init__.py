"""What the use cases hand out: plain values, which the pages and the API read."""

from fedota_server.webserver.views.draft import ArrayView, DraftView, LayerView, ModelView, StepView
from fedota_server.webserver.views.job import JobView
from fedota_server.webserver.views.member import (
    ClientView,
    MembershipView,
    MemberView,
    PartUpdateView,
    PartView,
    ReasonView,
)
from fedota_server.webserver.views.page import Page
from fedota_server.webserver.views.problem import (
    AttendanceView,
    CommandView,
    KeptRounds,
    LeavesView,
    ProblemCard,
    ProblemView,
    ServerView,
)
from fedota_server.webserver.views.round import EvaluationView, RoundView, UpdateView

__all__ = [
    "ArrayView",
    "AttendanceView",
    "ClientView",
    "CommandView",
    "DraftView",
    "EvaluationView",
    "JobView",
    "KeptRounds",
    "LayerView",
    "LeavesView",
    "MemberView",
    "MembershipView",
    "ModelView",
    "Page",
    "PartUpdateView",
    "PartView",
    "ProblemCard",
    "ProblemView",
    "ReasonView",
    "RoundView",
    "ServerView",
    "StepView",
    "UpdateView",
]
