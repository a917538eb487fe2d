"""The definitions as a setter and four publishers run it: texts, and a vocabulary in the model."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support.example_run import EXAMPLES, check, copy_of_example, run_example, score

from fedota_proto.model_file import check_model_file

PUBLISHERS = ("north", "east", "south", "west")
ROUNDS = 5


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("definitions")
    script = EXAMPLES / "definitions" / "make_data.py"
    subprocess.run([sys.executable, str(script), str(place)], check=True, timeout=60)
    return place


def test_every_text_has_one_owner_and_each_publisher_lacks_a_kind(data: Path) -> None:
    texts = [path.read_text() for path in data.glob("*/*/*.txt")]
    assert len(texts) == len(set(texts)) == 1600
    for name in PUBLISHERS:
        kinds = list((data / f"publisher-{name}").iterdir())
        assert len(kinds) == 3
        assert sum(len(list(kind.iterdir())) for kind in kinds) > 200


def test_the_vocabulary_travels_in_the_models_assets() -> None:
    path = EXAMPLES / "definitions" / "model.keras"
    assert [layer.class_name for layer in check_model_file(path).layers][1] == "TextVectorization"
    with zipfile.ZipFile(path) as model:
        (asset,) = (n for n in model.namelist() if n.endswith("_lookup_layer/vocabulary.txt"))
        words = model.read(asset).decode().split()
    vocabulary = (EXAMPLES / "definitions" / "source" / "vocabulary.txt").read_text().split()
    assert [word for word in words if word != "[UNK]"] == vocabulary


async def test_a_text_in_another_encoding_is_told(data: Path, tmp_path: Path) -> None:
    (tmp_path / "animal").mkdir()
    (tmp_path / "animal" / "a.txt").write_bytes("ein großer Hund".encode("latin-1"))
    done = await check("--data", tmp_path, "--format", EXAMPLES / "definitions" / "problem.toml")
    assert done.code == 1
    assert "animal/a.txt is not UTF-8 text." in done.out
    assert "iconv -f WINDOWS-1252 -t UTF-8 a.txt > a-utf8.txt" in done.out


@pytest.mark.timeout(180)
async def test_four_publishers_train_one_model_that_knows_every_kind(
    data: Path, tmp_path: Path
) -> None:
    folder = copy_of_example("definitions", tmp_path, rounds=ROUNDS)
    run = await run_example(folder, {n: data / f"publisher-{n}" for n in PUBLISHERS}, tmp_path)

    losses = run.evaluations("loss")
    assert losses[-1] < losses[0]
    trained = await run.export(tmp_path / "trained.keras")
    untrained, federated = score(folder, data / "test", folder / "model.keras", trained)
    # A publisher alone, who lacks a kind, is right in half of the cases.
    assert untrained["accuracy"] < 0.4
    assert federated["accuracy"] > 0.65, federated
