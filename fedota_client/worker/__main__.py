"""Entry point of ``python -m fedota_client.worker``."""

import sys

from fedota_client.worker.main import main

sys.exit(main())
