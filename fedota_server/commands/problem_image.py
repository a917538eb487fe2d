"""`fedota problem image`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from fedota_proto.errors import UsageError
from fedota_proto.units import size_words
from fedota_server.commands.administering import desk
from fedota_server.commands.context import CommandContext, context_of, folder_at
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.making import (
    make_problem_image,
    nearest_archive_path,
    problem_facts,
)
from fedota_server.problem_image.problem_image import ProblemFacts, image_name
from fedota_server.problem_image.registry import Registry

_ID = re.compile(r"^[0-9a-f]{12}$")


def image(
    ctx: typer.Context,
    problem: Annotated[
        str, typer.Argument(metavar="DIR|ID", help="A problem's folder, or its id on the platform.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The archive to write, for `docker load`.")
    ] = None,
    archive: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The client's image, as `make images` or `docker save` wrote it; else "
            "FEDOTA_CLIENT_ARCHIVE, client-image.tar in the platform's folder, or "
            "build/images/client.tar of the checkout.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make the client image of one problem: the client's, and its addresses and data format.

    No engine is needed. Data holders load it, and run it with their data and their invite alone.
    Where FEDOTA_REGISTRY is set it is pushed there.

    \b
    Examples:
      fedota problem image breast-cancer --out breast-cancer.tar
      FEDOTA_REGISTRY=registry.example/hospital fedota problem image 3f2a90c1d4e5
    """
    context = context_of(ctx)
    registry = context.settings.registry
    if out is None and not registry:
        raise UsageError("Pass --out FILE, or set FEDOTA_REGISTRY to push the image there.")
    facts = _facts(ctx, context, problem)
    source = nearest_archive_path(archive or context.settings.client_archive, context.home.folder)
    made = make_problem_image(source, facts)
    if out is not None:
        _write(context, made, out)
    if registry:
        _push(context, made, facts, registry)


def _facts(ctx: typer.Context, context: CommandContext, problem: str) -> ProblemFacts:
    if _ID.match(problem) and not Path(problem).is_dir():
        with desk(ctx) as at:
            return at.platform.problem_images.facts(at.actor, problem)
    return problem_facts(folder_at(Path(problem)))


def _write(context: CommandContext, made: ImageArchive, out: Path) -> None:
    with context.step(f"writing {out}"):
        sha256 = made.write(out)
    context.say(f"{out}: {size_words(made.size_bytes)}, SHA-256 {sha256}")
    context.say(f"`docker load --input {out.name}` makes it {made.tag}.")


def _push(context: CommandContext, made: ImageArchive, facts: ProblemFacts, place: str) -> None:
    settings = context.settings
    password: SecretStr = settings.registry_password
    registry = Registry(place, settings.registry_user, password)
    reference = registry.push(
        made, image_name(facts.problem_id), made.image_id[:12], say=context.say
    )
    context.say(f"Pushed: docker pull {reference}")
