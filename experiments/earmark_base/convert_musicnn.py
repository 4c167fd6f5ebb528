"""The weights of musicnn's taggers, from the TensorFlow checkpoints that the package `musicnn` carries, as arrays.

Once, in an environment of its own, for TensorFlow serves nothing else here:

    pip install tensorflow-cpu; pip download --no-deps musicnn==0.1.0; unzip musicnn-*.whl
    python convert_musicnn.py musicnn RUNS/musicnn
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

NAMES = ("MSD_musicnn", "MSD_vgg")  # as in musicnn.py, whose PyTorch is not in this environment


def main(package: Path, weights: Path) -> None:
    weights.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        reader = tf.compat.v1.train.NewCheckpointReader(f"{package / name}/")
        kept = [k for k in reader.get_variable_to_shape_map() if not k.startswith("beta") and "Adam" not in k]
        np.savez(weights / f"{name}.npz", **{key: reader.get_tensor(key) for key in kept})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
