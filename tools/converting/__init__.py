"""From a float network to a checked int8 model."""

import os

# Channels-first convolutions run on a CPU with oneDNN alone, which TensorFlow leaves off where there
# is no AVX-512. It is read when TensorFlow is imported, which what is in here does later.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
# Networks are read and traced by TensorFlow, whatever else Keras may train on.
os.environ["KERAS_BACKEND"] = "tensorflow"
