"""Export a run or a model: the same as `cnnref export`, with the same options.

python scripts/export.py runs/lenet5-mnist --out lenet5
"""

import sys

from cnnref.cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "export")
    main()
