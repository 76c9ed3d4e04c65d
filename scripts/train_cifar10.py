"""Train TinyVGG on CIFAR-10: the same as `cnnref train tinyvgg-cifar10`, with the same options.

python scripts/train_cifar10.py --data-dir DATA
"""

import sys

from cnnref.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "tinyvgg-cifar10"]
    main()
