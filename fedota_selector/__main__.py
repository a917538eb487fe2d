"""``python -m fedota_selector``."""

from fedota_selector.main import main

if __name__ == "__main__":
    main()
