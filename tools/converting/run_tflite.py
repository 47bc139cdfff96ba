"""Run a .tflite model on a file of inputs with whatever runtime this Python has.

    python tools/converting/run_tflite.py model.tflite inputs.npy outputs.npy

The inputs are (n, height, width, channels) in the model's own dtype. Prints the runtime's name and
version. Needs nothing of edgeemo, so that any environment with a runtime and numpy can check a model.
"""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Runtime(NamedTuple):
    """A package that can run .tflite files here."""

    package: str
    interpreter: Any

    @property
    def name(self) -> str:
        """Package and version, as `ai-edge-litert 2.3.0`."""
        return f"{self.package} {version(self.package)}"

    def run(self, model: bytes, inputs: NDArray[Any]) -> NDArray[Any]:
        """The (n, outputs) raw outputs for (n, height, width, channels) raw inputs, one at a time."""
        interpreter = self.interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        where = interpreter.get_input_details()[0]["index"]
        result = interpreter.get_output_details()[0]["index"]
        rows = []
        for one in inputs:
            interpreter.set_tensor(where, one[np.newaxis])
            interpreter.invoke()
            rows.append(interpreter.get_tensor(result)[0])
        return np.stack(rows)


def runtimes() -> list[Runtime]:
    """Those installed in this Python."""
    candidates = {
        "ai-edge-litert": "ai_edge_litert.interpreter",
        "tflite-runtime": "tflite_runtime.interpreter",
    }
    found = []
    for package, module in candidates.items():
        try:
            found.append(Runtime(package, importlib.import_module(module).Interpreter))
        except ImportError:
            continue
    return found


def main(model: str, inputs: str, outputs: str) -> None:
    """Run the first runtime found; exits with a line when there is none."""
    found = runtimes()
    if not found:
        sys.exit("neither ai-edge-litert nor tflite-runtime is installed in this Python")
    np.save(outputs, found[0].run(Path(model).read_bytes(), np.load(inputs)))
    print(found[0].name)


if __name__ == "__main__":
    main(*sys.argv[1:])
