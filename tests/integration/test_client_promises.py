"""What the client promises its owner, over real servers: noise, coarse numbers, receipts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.example_run import EXAMPLES, copy_of_example, run_example
from support.programs import command

HOLDERS = ("north", "east", "south", "west")
ROUNDS = 2
PRIVACY = "\n[privacy]\nclipping_norm = 5.0\nnoise_multiplier = 0.5\n"
POLICY = 'strategies = ["FedAvg"]\n[noise]\nclipping_norm = 9.0\nnoise_multiplier = 1.0\n'


async def receipts(home: Path) -> dict[str, Any]:
    """What ``fedota-client receipts`` says of a holder's folder."""
    done = await command("fedota_client", "receipts", "--home", home, "--json")
    assert done.code == 0, done
    document: dict[str, Any] = json.loads(done.out)
    return document


@pytest.mark.timeout(180)
async def test_two_rounds_under_noise_and_a_policy_leave_verified_receipts(
    tmp_path: Path,
) -> None:
    folder = copy_of_example("diabetes", tmp_path, rounds=ROUNDS)
    text = (folder / "problem.toml").read_text()
    (folder / "problem.toml").write_text(text.replace("[data]\n", f"{PRIVACY}\n[data]\n", 1))
    (tmp_path / "policy.toml").write_text(POLICY)
    data = EXAMPLES / "diabetes" / "data"
    run = await run_example(
        folder,
        {name: data / f"practice-{name}" for name in HOLDERS},
        tmp_path,
        more=["--policy", str(tmp_path / "policy.toml"), "--share-metrics", "coarse"],
    )
    assert run.status["completed_round"] == ROUNDS

    for name in HOLDERS:
        book = await receipts(tmp_path / name)
        assert book["verified"] is True
        sent = [line for line in book["lines"] if line["kind"] == "sent"]
        assert [line["message_type"] for line in sent] == ["train", "evaluate"] * ROUNDS
        settled = [line for line in book["lines"] if line["kind"] == "outcome"]
        assert [line["outcome"] for line in settled] == ["COUNTED"] * len(sent)
        spent = [line["privacy"] for line in sent if line["message_type"] == "train"]
        assert [one["updates"] for one in spent] == [1, 2]
        assert spent[1]["epsilon_total"] > spent[0]["epsilon_total"] > 0
        assert book["epsilon_total"] == spent[1]["epsilon_total"]
        for line in sent:
            assert line["weight"] < 100 or line["weight"] % 10 == 0
            assert all(round(value, 2) == value for value in line["metrics"].values())
        # What one round evaluates is what the next one trains.
        assert sent[1]["model_in"] == sent[2]["model_in"] != sent[0]["model_in"]
        consent = json.loads((tmp_path / name / "consent.json").read_text())
        assert set(consent["basis"]) == {"model", "data", "rules", "choices"}
        # Of problem and policy the smaller norm and the larger noise.
        assert "clipped to the norm 5 and gets Gaussian noise of 1 times that" in consent["shown"]
        ledger = (tmp_path / name / "privacy.jsonl").read_text().splitlines()
        assert [json.loads(line) for line in ledger] == [{"noise_multiplier": 1.0}] * ROUNDS
