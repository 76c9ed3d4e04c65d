"""Train LeNet-5 on MNIST: the same as `cnnref train lenet5-mnist`, with the same options.

python scripts/train_mnist.py --data-dir DATA
"""

import sys

from cnnref.cli import main

if __name__ == "__main__":
    sys.argv[1:1] = ["train", "lenet5-mnist"]
    main()
