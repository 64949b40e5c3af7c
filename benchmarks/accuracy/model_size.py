"""Size of a saved model and its accuracy, for each precision of ``save``.

    python benchmarks/accuracy/model_size.py --data DIR [--data DIR2]

One model a data set, judged on 4,000 rows held out of the training part.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "_common"))

import held_out
import numpy as np

from sk_inceptionxml import InceptionXMLClassifier

N_HELD_OUT = 4000


def main() -> None:
    """Print one row for each precision."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--epochs", default=None, type=int)
    args = parser.parse_args()
    held_out.print_header("data, precision, MB")
    for folder in args.data:
        split = held_out.load(folder, N_HELD_OUT)
        clf = InceptionXMLClassifier(random_state=0, max_epochs=args.epochs or "auto")
        clf.fit(split.texts, split.Y)
        for precision in ("exact", "int8", "int4"):
            with tempfile.TemporaryDirectory() as place:
                clf.save(Path(place) / "model", precision=precision)
                files = (Path(place) / "model").iterdir()
                mb = sum(file.stat().st_size for file in files) / 1e6
                loaded = InceptionXMLClassifier.load(Path(place) / "model")
            ranking = np.asarray(loaded.predict_topk(split.held_out_texts, k=100)[0])
            held_out.print_row(f"{Path(folder).name}, {precision}, {mb:.1f}", split, ranking)


if __name__ == "__main__":
    main()
