"""``fedota-client job …``: each job's module, and Keras with it, is imported only when it runs."""

from __future__ import annotations

import importlib

import typer

from fedota_client.plain_errors import plain_errors

JOBS = {
    "inspect": "Make manifest and first arrays of a model.",
    "dry-run": "Make updates from fake data, as many clients would.",
    "train": "Train plainly on given files, for comparison.",
    "score": "Evaluate a model on a file.",
    "personalize": "Tune a shared model on a holder's data, and compare.",
    "predict": "Run a model on new files.",
}

jobs = typer.Typer(
    help="Work that needs Keras: files in, JSON and files out.",
    no_args_is_help=True,
    add_completion=False,
)

_PASSED_ON = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def _register(name: str, help_text: str) -> None:
    @jobs.command(name, help=help_text, context_settings=_PASSED_ON)
    def job(context: typer.Context) -> None:
        module = importlib.import_module(f"fedota_client.jobs.{name.replace('-', '_')}")
        with plain_errors():
            raise typer.Exit(module.main(context.args))


for _name, _help in JOBS.items():
    _register(_name, _help)
