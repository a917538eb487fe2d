"""The job ``score``: loss and metrics of a model on given examples, or on fake ones."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fedota_client.data.reading import read_examples
from fedota_client.examples import Examples, joined
from fedota_client.fake_data import fake_examples
from fedota_client.jobs.files import read_arrays, write_json
from fedota_client.jobs.loading import failing_as, load_model
from fedota_client.model_inputs import InputLayout
from fedota_proto.data_format import DataFormat, ImagesFormat, TextFormat
from fedota_proto.data_zip import unpack_data_zip
from fedota_proto.errors import FolderError
from fedota_proto.problem import read_problem

FAKE_EXAMPLES = 256


def main(arguments: Sequence[str]) -> int:
    """Run ``score --problem DIR [--model M.keras] [--arrays FILE] [--data PATH …] --out JSON``.

    Parameters
    ----------
    arguments
        The command line.

    Returns
    -------
    int
        0.

    Raises
    ------
    FedotaError
        Problem, model, arrays or data are refused, or do not go together.
    """
    parser = argparse.ArgumentParser(prog="fedota-client job score", description=__doc__)
    parser.add_argument("--problem", type=Path, required=True, help="the problem's folder")
    parser.add_argument("--model", type=Path, help="a .keras file; default: the problem's")
    parser.add_argument("--arrays", type=Path, help="safetensors file with the model's weights")
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        default=[],
        help="a folder of data, one file of it, or a zip of a folder of pictures or texts, any "
        "number of times; default: fake data",
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the result")
    given = parser.parse_args(arguments)
    score(given.problem, given.data, given.out, model=given.model, arrays=given.arrays)
    return 0


def score(
    folder: Path,
    data: Sequence[Path],
    out: Path,
    *,
    model: Path | None = None,
    arrays: Path | None = None,
) -> None:
    """Write ``{"examples": n, "metrics": {…}}``.

    Parameters
    ----------
    folder
        The problem's.
    data
        Folders of data and files of it, all together; none: fake examples.
    out
        The JSON file.
    model
        A ``.keras`` file; None: the problem's.
    arrays
        A safetensors file whose arrays become the model's; others in it are ignored. None: the
        model's own.

    Raises
    ------
    FedotaError
        Problem, model, arrays or data are refused, or do not go together.
    """
    problem = read_problem(folder)
    loaded = load_model(model or folder / problem.model_file)
    if arrays is not None:
        found = read_arrays(arrays)
        names = [spec.name for spec in loaded.array_specs()]
        missing = [name for name in names if name not in found]
        if missing:
            raise FolderError(f"{arrays} lacks the array {missing[0]} of the model.")
        with failing_as(f"{arrays.name} does not fit the model"):
            loaded.set_arrays({name: found[name] for name in names})
    layout = InputLayout(problem.data, loaded.inputs, loaded.outputs)
    with _examples_of(data, problem.data, out.parent) as examples:
        inputs, targets = layout.arrange(examples)
        with failing_as("The model cannot be evaluated"):
            metrics = loaded.evaluate(inputs, targets)
    write_json(out, {"examples": len(examples), "metrics": metrics})


@contextmanager
def _examples_of(
    data: Sequence[Path], data_format: DataFormat, scratch: Path
) -> Iterator[Examples]:
    """Read examples; zips are unpacked for as long as they are read."""
    with ExitStack() as stack:
        places = []
        for place in data:
            if isinstance(data_format, ImagesFormat | TextFormat) and place.suffix == ".zip":
                folder = stack.enter_context(TemporaryDirectory(prefix="zip.", dir=scratch))
                unpack_data_zip(place, Path(folder), data_format)
                places.append(Path(folder))
            else:
                places.append(place)
        if places:
            yield joined([read_examples(place, data_format, minimum=1) for place in places])
        else:
            yield fake_examples(data_format, FAKE_EXAMPLES, seed=0)
