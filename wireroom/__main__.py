"""Lets ``python -m wireroom`` be the command."""

from wireroom.cli.main import main

if __name__ == "__main__":
    main()
