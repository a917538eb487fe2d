"""A misspelt FEDOTA_* variable stops the start with its nearest right name."""

import pytest
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from fedota_proto.errors import UsageError
from fedota_proto.settings_check import (
    check_environment,
    load_settings,
    unknown_variables,
    variables_of,
)


class RocketSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="FEDOTA_ROCKET_", frozen=True)

    thrust_n: float = Field(gt=0, description="Thrust.")
    launch_code: SecretStr = Field(default=SecretStr(""), description="Secret.")


def test_variables_carry_the_prefix() -> None:
    assert variables_of(RocketSettings) == {"FEDOTA_ROCKET_THRUST_N", "FEDOTA_ROCKET_LAUNCH_CODE"}


def test_nearest_right_name_is_told() -> None:
    said = unknown_variables(["PATH", "FEDOTA_HOEM"], {"FEDOTA_HOME", "FEDOTA_SELECTOR_INDEX"})
    assert said == [
        "No Fedota process knows the environment variable FEDOTA_HOEM: did you mean FEDOTA_HOME?"
    ]


def test_a_name_near_to_none_is_to_be_unset() -> None:
    said = unknown_variables(["FEDOTA_Q"], {"FEDOTA_SELECTOR_INDEX"})
    assert said == ["No Fedota process knows the environment variable FEDOTA_Q: unset it."]


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        check_environment({"FEDOTA_HOEM": "", "FEDOTA_ROCKET_THRUST": ""}, RocketSettings)
    assert "FEDOTA_HOEM" in caught.value.public_message
    assert "FEDOTA_ROCKET_THRUST_N" in caught.value.public_message
    assert caught.value.exit_code == 2


def test_right_names_of_another_process_pass() -> None:
    check_environment({"FEDOTA_HOME": "x", "FEDOTA_ROCKET_THRUST_N": "1"}, RocketSettings)


def test_lower_case_names_are_looked_at_too() -> None:
    with pytest.raises(UsageError, match="fedota_hoem"):
        check_environment({"fedota_hoem": ""})


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDOTA_ROCKET_THRUST_N", "2.5")
    assert load_settings(RocketSettings, {}).thrust_n == 2.5


def test_a_missing_and_a_wrong_value_are_one_sentence_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UsageError) as missing:
        load_settings(RocketSettings, {})
    assert missing.value.public_message == "Setting FEDOTA_ROCKET_THRUST_N: it is not set."
    monkeypatch.setenv("FEDOTA_ROCKET_THRUST_N", "-1")
    with pytest.raises(UsageError) as wrong:
        load_settings(RocketSettings, {})
    assert wrong.value.public_message == (
        "Setting FEDOTA_ROCKET_THRUST_N: input should be greater than 0."
    )
