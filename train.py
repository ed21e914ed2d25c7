"""python3 train.py --config FILE --exp_dir DIR [--fresh]: the same as `focus train`."""

import sys

from focus_core.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
