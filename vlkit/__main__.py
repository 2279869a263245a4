"""``python -m vlkit``, which torchrun can start."""

from vlkit.cli import main

if __name__ == "__main__":
    main()
