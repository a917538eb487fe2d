"""Entry point of ``python -m fedota_client``."""

from fedota_client.cli import main

main()
