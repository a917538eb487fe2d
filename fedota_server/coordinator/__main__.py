"""``python -m fedota_server.coordinator``."""

from fedota_server.coordinator.main import main

main()
