"""A problem that is being written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fedota_proto.problem import Problem
from fedota_server.webserver.views.job import JobView


@dataclass(frozen=True)
class LayerView:
    """One layer of a model.

    Parameters
    ----------
    name, type
        As its author named it; Keras's class.
    shape
        Of its output in words, as ``(batch, 8)``; empty where it is not known yet.
    parameters
        How many numbers it holds; None where that is not known yet.
    """

    name: str
    type: str
    shape: str = ""
    parameters: int | None = None


@dataclass(frozen=True)
class ArrayView:
    """One array that clients send."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    trainable: bool


@dataclass(frozen=True)
class ModelView:
    """An uploaded model.

    Parameters
    ----------
    name
        The file's, as it was uploaded.
    sha256, file_bytes
        Of the file.
    state
        ``checking`` while the inspect job is to come or runs, then ``fine`` or ``refused``.
    refusal
        Why it is refused, and what to do.
    layers, parameters, arrays, size_bytes
        Layers in order; numbers in all federated arrays; those arrays; their size.
    optimizer, loss, metrics, inputs
        Of the compilation, by name; names of the inputs.
    keras_version
        That saved it.
    """

    name: str
    sha256: str
    file_bytes: int
    state: str
    refusal: str = ""
    layers: tuple[LayerView, ...] = ()
    parameters: int = 0
    arrays: tuple[ArrayView, ...] = ()
    size_bytes: int = 0
    optimizer: str = ""
    loss: str = ""
    metrics: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    keras_version: str = ""


@dataclass(frozen=True)
class StepView:
    """One step of the form.

    Parameters
    ----------
    name
        ``about``, ``model``, ``data``, ``strategy``, ``rounds`` or ``who``.
    state
        ``empty``, ``wrong`` or ``done``.
    mistakes
        What is wrong or missing, one sentence each; empty exactly when it is done.
    """

    name: str
    state: str
    mistakes: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return self.state == "done"


@dataclass(frozen=True)
class DraftView:
    """Everything of a draft, also of one that was published.

    Parameters
    ----------
    problem_id, owner_id, status
        Which, whose; ``draft`` as long as it can be edited.
    title, description
        Description in Markdown.
    data, strategy, rounds, training, privacy
        Sections as they would stand in problem.toml; empty where nothing was saved.
    admission, selectors
        ``anyone`` or ``approval``; how many selectors it starts with.
    model, test_file
        None and empty where there is none.
    steps
        In the form's order.
    toml
        problem.toml as it would be published.
    problem
        The same, typed; None while anything is missing or wrong.
    dry_run_passed
        Whether a dry run of exactly this content passed.
    model_job, dry_run_job
        The newest of each; None if there was none.
    updated_unix_s
        When it was last changed.
    """

    problem_id: str
    owner_id: int
    status: str
    title: str
    description: str
    admission: str
    selectors: int
    steps: tuple[StepView, ...]
    toml: str
    dry_run_passed: bool
    updated_unix_s: float
    data: dict[str, Any] = field(default_factory=dict)
    strategy: dict[str, Any] = field(default_factory=dict)
    rounds: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    privacy: dict[str, Any] = field(default_factory=dict)
    model: ModelView | None = None
    test_file: str = ""
    problem: Problem | None = None
    model_job: JobView | None = None
    dry_run_job: JobView | None = None

    def step(self, name: str) -> StepView:
        """Return one step by its name."""
        return next(step for step in self.steps if step.name == name)

    @property
    def complete(self) -> bool:
        """Whether every step is done."""
        return all(step.done for step in self.steps)

    @property
    def publishable(self) -> bool:
        """Whether it can be published now."""
        return self.status == "draft" and self.complete and self.dry_run_passed
