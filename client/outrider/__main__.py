"""``python -m outrider``: the ``outrider`` command, also if its script is not on the PATH."""

from .cli import main

if __name__ == "__main__":
    main()
