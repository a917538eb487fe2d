"""`fedota problem new`, `fedota problem check` and, from its own file, `fedota problem image`."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Annotated

import typer

from fedota_proto.credential import write_secret
from fedota_proto.data_format import DataFormat, TableFormat
from fedota_proto.errors import DataError, FolderError, ModelFileError, ProblemFileError
from fedota_proto.manifest import Manifest
from fedota_proto.model_file import check_model_file
from fedota_proto.problem import PROBLEM_FILE, Problem
from fedota_proto.units import size_words
from fedota_server.commands.context import (
    CommandContext,
    ProblemArgument,
    context_of,
    run,
)
from fedota_server.commands.plain_help import PlainCommand
from fedota_server.commands.problem_image import image
from fedota_server.dry_run import DryRun
from fedota_server.jobs import take_in_model
from fedota_server.problem_folder import ProblemFolder
from fedota_server.problem_template import choose_target, problem_template
from fedota_server.table_sketch import sketch_table

app = typer.Typer(
    help="Make a problem's folder, and check it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command(cls=PlainCommand)
def new(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    model: Annotated[
        Path, typer.Option(metavar="M.keras", help="The compiled Keras model; it is copied.")
    ],
    sample: Annotated[
        Path, typer.Option(metavar="FILE.csv", help="Some examples, as data holders have them.")
    ],
    target: Annotated[
        str, typer.Option(metavar="COLUMN", help="What is predicted; else the last column.")
    ] = "",
    title: Annotated[str, typer.Option(help="What data holders read first.")] = "",
) -> None:
    """Make a problem's folder: the model, and a commented problem.toml to go through.

    Types and ranges of the columns are those found in the sample, which itself is not copied.
    Pictures, texts and arrays have no such sample: take the problem.toml of the example that is
    most like yours, and write its [data] as docs/data-formats.md says.

    \b
    Example:
      fedota problem new tumours --model model.keras --sample sample.csv --target diagnosis
    """
    context = context_of(ctx)
    if sample.is_dir() or sample.suffix.lower() not in ("", ".csv", ".txt", ".tsv"):
        raise DataError(
            f"{sample} is no CSV file. For pictures, texts or arrays take the problem.toml of the "
            "example that is most like yours, and write its [data] as docs/data-formats.md says."
        )
    check_model_file(model)
    columns = sketch_table(sample)
    target = choose_target(columns, target)
    text = problem_template(
        title=title or folder.resolve().name.replace("-", " ").capitalize(),
        model=model.name,
        sample=sample.name,
        columns=columns,
        target=target,
    )
    _write(folder, model, text)
    used = sum(1 for column in columns if column.type is not None)
    context.say(
        f"{folder / PROBLEM_FILE} describes {used} columns, {target} is predicted. Go through it, "
        f"then run `fedota problem check {folder}`."
    )


def _write(folder: Path, model: Path, text: str) -> None:
    path = folder / PROBLEM_FILE
    if path.exists():
        raise FolderError(f"{path} is there already: name another folder, or remove the file.")
    copy = folder / model.name
    beside = copy.with_name(f".{copy.name}.new")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if copy.exists() and not copy.samefile(model):
            raise FolderError(f"{copy} is there already: name another folder, or remove the file.")
        if not copy.exists():
            shutil.copyfile(model, beside)
            beside.replace(copy)
        write_secret(path, text.encode())
        path.chmod(0o644)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be written ({error.strerror}): check its owner and free space."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


@app.command(cls=PlainCommand)
def check(ctx: typer.Context, folder: ProblemArgument) -> None:
    """Check a problem whole: file, model, format, and one round on fake data.

    The dry run makes as many updates from data invented by the declared format as the minimum
    reports, aggregates them with the strategy, and scores the result, all without any network.

    \b
    Example:
      fedota problem check breast-cancer
    """
    context = context_of(ctx)
    problem_folder = ProblemFolder(folder)
    problem = _checked_file(context, problem_folder)
    run(_check(context, problem_folder, problem))
    context.say(
        f"{folder} is ready: next `fedota invite {folder} NAME` and `fedota serve {folder}`."
    )


def _checked_file(context: CommandContext, folder: ProblemFolder) -> Problem:
    """Read problem.toml; where it has mistakes, look at the model that it names all the same.

    Raises
    ------
    ProblemFileError
        With the mistakes of both.
    """
    try:
        problem = folder.problem()
    except ProblemFileError as error:
        mistakes = [error.public_message]
        try:
            check_model_file(_named_model(folder))
        except ModelFileError as model_error:
            mistakes.append(model_error.public_message)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        raise ProblemFileError("\n".join(mistakes), error.mistakes) from None
    rules = problem.rounds
    context.say(
        f"{PROBLEM_FILE}: {problem.strategy.name}, {rules.rounds} rounds, goal "
        f"{rules.goal_count}, at least {rules.minimum_reports} reports, "
        f"{_data_words(problem.data)}"
    )
    return problem


def _named_model(folder: ProblemFolder) -> Path:
    document = tomllib.loads((folder.folder / PROBLEM_FILE).read_text())
    path = folder.folder / Path(document["problem"]["model"]).name
    if not path.is_file() or path.suffix != ".keras":
        raise FileNotFoundError(path)
    return path


async def _check(context: CommandContext, folder: ProblemFolder, problem: Problem) -> None:
    async with context.spawner(folder) as spawner:
        jobs = context.jobs(spawner)
        with context.step(f"{problem.model_file}: loading it"):
            manifest = await take_in_model(folder, jobs)
        context.say(f"{problem.model_file}: {_model_words(manifest)}")
        with folder.intake() as place:
            run_dry = DryRun(
                folder.folder, problem, folder.manifest_path, folder.initial_path, place
            )
            await run_dry.run(
                jobs,
                step=lambda text: context.step(f"dry run: {text}"),
                say=lambda text: context.say(f"dry run: {text}"),
            )


app.command(cls=PlainCommand)(image)


def _data_words(data: DataFormat) -> str:
    given = f"{len(data.inputs)} columns" if isinstance(data, TableFormat) else data.kind
    return f"{given} to predict {', '.join(data.target_names)}"


def _model_words(manifest: Manifest) -> str:
    optimizer = manifest.optimizer.get("name", "its optimizer")
    return (
        f"{len(manifest.arrays)} arrays, {size_words(manifest.size_bytes)} an update, "
        f"{optimizer}, loss {manifest.loss}"
    )
