"""Lets ``python -m wireroom`` be the command."""

from wireroom.cli import main

if __name__ == "__main__":
    main()
