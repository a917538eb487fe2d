"""Run configurations of Flower apps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import FolderError, UsageError
from fedota_proto.run_config import ConfigValue, flattened, overridden, parse_run_config

KEYS = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.from_regex(r"[A-Za-z0-9 /._-]*", fullmatch=True),
)


def written(value: ConfigValue) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)


@given(st.dictionaries(KEYS, VALUES))
def test_pairs_are_read_as_they_were_written(config: dict[str, ConfigValue]) -> None:
    text = " ".join(f"{key}={written(value)}" for key, value in config.items())
    assert parse_run_config(text) == config


def test_dotted_names_stay_dotted() -> None:
    assert parse_run_config("model.rate=0.5 model.name='a b'") == {
        "model.rate": 0.5,
        "model.name": "a b",
    }


@pytest.mark.parametrize("text", ["a", "a=b", "a=1 b", "a=1 a=2", 'a="b'])
def test_malformed_pairs_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="run configuration"):
        parse_run_config(text)


def test_a_list_is_refused_with_its_place() -> None:
    with pytest.raises(FolderError, match=r"\[tool.flwr.app.config\] data.days is a list"):
        flattened({"data": {"days": [1]}})


def test_only_known_keys_are_overridden() -> None:
    assert overridden({"a": 1, "b": 2}, {"b": 3}) == {"a": 1, "b": 3}
    with pytest.raises(UsageError, match="no run configuration 'c'; it has: a, b"):
        overridden({"a": 1, "b": 2}, {"c": 3})
