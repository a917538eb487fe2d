"""The table of right FEDOTA_* names is what the processes' settings classes read."""

from fedota_client.keras_environment import WorkerSettings
from fedota_client.settings import ClientSettings
from fedota_proto.settings_check import KNOWN_VARIABLES, variables_of
from fedota_selector.settings import SelectorSettings
from fedota_server.coordinator.settings import CoordinatorSettings
from fedota_server.engine_proxy.settings import EngineProxySettings
from fedota_server.settings import FedotaSettings
from fedota_server.webserver.settings import WebserverSettings

CLASSES = (
    WebserverSettings,
    CoordinatorSettings,
    SelectorSettings,
    ClientSettings,
    WorkerSettings,
    EngineProxySettings,
)


def test_the_table_names_every_setting_and_no_other() -> None:
    assert frozenset().union(*(variables_of(cls) for cls in CLASSES)) == KNOWN_VARIABLES


def test_the_webserver_knows_what_every_command_of_fedota_knows() -> None:
    assert issubclass(WebserverSettings, FedotaSettings)


def test_no_two_processes_share_a_name() -> None:
    assert sum(len(variables_of(cls)) for cls in CLASSES) == len(KNOWN_VARIABLES)


def test_every_setting_is_described_and_frozen() -> None:
    for cls in CLASSES:
        assert cls.model_config["frozen"]
        assert all(field.description for field in cls.model_fields.values())
