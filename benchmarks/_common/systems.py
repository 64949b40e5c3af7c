"""The systems that the benchmarks compare: one class each, and a registry by name.

Every class takes raw texts and a CSR indicator, and ranks columns for raw texts, so that all are
timed over the same path. Peers get TF-IDF of lower-cased words and the settings their authors
recommend.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from base import WORD, System, TfidfSystem, pad, rank_sparse


class Ours(System):
    """InceptionXMLClassifier with its defaults, through its public interface."""

    package, distribution = "sk_inceptionxml.classifier", "sk-inceptionxml"

    def fit(self, texts: list[str], Y: sp.csr_matrix) -> None:
        """Train on raw texts."""
        from sk_inceptionxml import InceptionXMLClassifier
        from sk_inceptionxml.heads import HEADS

        settings = {"random_state": self.seed, **self.params}
        head = settings.pop("head", "auto")
        model = InceptionXMLClassifier(head=HEADS[head]() if head in HEADS else head)
        self.model = model.set_params(**settings).fit(texts, Y)
        self.notes.update(head=self.model.head_, epochs=self.model.n_iter_)

    def save(self) -> None:
        """Write the model."""
        self.model.save(self.saved)

    def load(self) -> None:
        """Read the model."""
        from sk_inceptionxml import InceptionXMLClassifier

        self.model = InceptionXMLClassifier.load(self.saved)

    def topk(self, texts: list[str], k: int) -> np.ndarray:
        """Columns: for an indicator y the names are the columns."""
        columns, _ = self.model.predict_topk(texts, k=k)
        return pad(list(columns), k)


class Omikuji(TfidfSystem):
    """A forest of 3 label trees; ``kind`` is "parabel" (its default) or "bonsai"."""

    package = env = distribution = "omikuji"
    defaults = {"kind": "parabel"}

    def _write(self, path: Path, X: sp.csr_matrix, Y: sp.csr_matrix) -> None:
        filled = np.flatnonzero(np.diff(X.indptr))  # its reader rejects rows without a feature
        with open(path, "w") as stream:
            stream.write(f"{len(filled)} {X.shape[1]} {Y.shape[1]}\n")
            for i in filled:
                labels = Y.indices[Y.indptr[i] : Y.indptr[i + 1]].tolist()
                part = slice(X.indptr[i], X.indptr[i + 1])
                pairs = zip(X.indices[part].tolist(), X.data[part].tolist(), strict=True)
                row = " ".join(f"{j}:{value:.6g}" for j, value in pairs)
                stream.write(",".join(map(str, labels)) + " " + row + "\n")

    def _train(self, X: sp.csr_matrix, Y: sp.csr_matrix) -> None:
        import omikuji

        settings = dict(self.params)
        hyper = omikuji.Model.default_hyper_param()
        if settings.pop("kind") == "bonsai":
            settings = {"cluster_k": 100, "cluster_balanced": False, "max_depth": 3, **settings}
        for name, value in settings.items():
            setattr(hyper, name, value)
        path = self.folder / "train.txt"
        start = time.perf_counter()
        self._write(path, X, Y)  # a file is the only way in, so it counts as training
        self.notes["write_s"] = time.perf_counter() - start
        self.model = omikuji.Model.train_on_data(str(path), hyper, self.threads)
        path.unlink()

    def _save_model(self) -> None:
        self.model.save(str(self.saved / "model"))

    def load(self) -> None:
        """Read the model."""
        import omikuji

        self.model = omikuji.Model.load(str(self.saved / "model"))
        self.model.init_prediction_thread_pool(self.threads)

    def _rank(self, X: sp.csr_matrix, k: int) -> np.ndarray:
        found = []
        for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
            row = X.indices[start:stop].tolist(), X.data[start:stop].tolist()
            pairs = list(zip(*row, strict=True))
            found.append([label for label, _ in self.model.predict(pairs, top_k=k)])
        return pad(found, k)


class NapkinXC(TfidfSystem):
    """Probabilistic label tree of napkinXC with its defaults."""

    package = env = distribution = "napkinxc"

    def _plt(self) -> Any:
        from napkinxc.models import PLT

        output = str(self.saved / "model")  # it writes the model there while it trains
        return PLT(output, seed=self.seed, threads=self.threads, **self.params)

    def _train(self, X: sp.csr_matrix, Y: sp.csr_matrix) -> None:
        bounds = zip(Y.indptr[:-1], Y.indptr[1:], strict=True)
        self.model = self._plt()
        self.model.fit(X, [Y.indices[start:stop].tolist() for start, stop in bounds])

    def _save_model(self) -> None:
        return

    def load(self) -> None:
        """Read the model."""
        self.model = self._plt()
        self.model.load()

    def _rank(self, X: sp.csr_matrix, k: int) -> np.ndarray:
        return pad(self.model.predict(X, top_k=k), k)


class XRLinear(TfidfSystem):
    """XR-Linear of PECOS: PIFA, hierarchical k-means (16 splits, leaves of 100), beam 10."""

    package, env, distribution = "pecos.xmc.xlinear.model", "pecos", "libpecos"
    defaults = {"nr_splits": 16, "max_leaf_size": 100}

    def _train(self, X: sp.csr_matrix, Y: sp.csr_matrix) -> None:
        from pecos.xmc import Indexer, LabelEmbeddingFactory
        from pecos.xmc.xlinear.model import XLinearModel

        labels = LabelEmbeddingFactory.create(Y, X, method="pifa", threads=self.threads)
        chain = Indexer.gen(
            labels,
            indexer_type="hierarchicalkmeans",
            seed=self.seed,
            threads=self.threads,
            **self.params,
        )
        self.model = XLinearModel.train(X, Y, C=chain, threads=self.threads)

    def _save_model(self) -> None:
        self.model.save(str(self.saved / "model"))

    def load(self) -> None:
        """Read the model for prediction only, the recommended way to serve it."""
        from pecos.xmc.xlinear.model import XLinearModel

        self.model = XLinearModel.load(str(self.saved / "model"), is_predict_only=True)

    def _rank(self, X: sp.csr_matrix, k: int) -> np.ndarray:
        threads = self.threads if X.shape[0] > 1 else 1  # threads only slow a single row down
        scores = self.model.predict(X, beam_size=10, only_topk=k, threads=threads)
        return rank_sparse(scores, k)[0]


class FastText(System):
    """FastText, hierarchical softmax, 100 dimensions, 25 epochs."""

    package, env, distribution = "fasttext", "fasttext", "fasttext-wheel"
    defaults = {"loss": "hs", "dim": 100, "epoch": 25, "lr": 0.5, "minCount": 1}

    def _line(self, text: str) -> str:
        return " ".join(WORD.findall(text.lower())) + "\n"

    def fit(self, texts: list[str], Y: sp.csr_matrix) -> None:
        """Train on raw texts, at half the learning rate after each divergence."""
        path = self.folder / "train.txt"
        with open(path, "w", encoding="utf-8") as stream:
            for i, text in enumerate(texts):
                labels = Y.indices[Y.indptr[i] : Y.indptr[i + 1]]
                stream.write("".join(f"__label__{j} " for j in labels) + self._line(text))
        settings = {"seed": self.seed, "thread": self.threads, "verbose": 0, **self.params}
        self.model = self._train(str(path), settings)
        self.notes["lr"] = settings["lr"]
        path.unlink()

    def _train(self, path: str, settings: dict[str, Any]) -> Any:
        import fasttext

        while True:
            try:
                return fasttext.train_supervised(path, **settings)
            except RuntimeError as error:
                if "NaN" not in str(error) or settings["lr"] < 0.02:
                    raise
                settings["lr"] /= 2

    def save(self) -> None:
        """Write the model."""
        self.model.save_model(str(self.saved / "model.bin"))

    def load(self) -> None:
        """Read the model."""
        import fasttext

        self.model = fasttext.load_model(str(self.saved / "model.bin"))

    def topk(self, texts: list[str], k: int) -> np.ndarray:
        """Columns; calls the extension, as the Python wrapper fails under NumPy 2."""
        found = []
        for text in texts:
            pairs = self.model.f.predict(self._line(text), k, 0.0, "strict")
            found.append([int(label.removeprefix("__label__")) for _, label in pairs])
        return pad(found, k)


class Neighbours(TfidfSystem):
    """Labels of the 50 training texts of highest cosine vote with the squared cosine."""

    seeded = False
    defaults = {"n_neighbors": 50, "power": 2.0}

    def _train(self, X: sp.csr_matrix, Y: sp.csr_matrix) -> None:
        self.X, self.Y = X.T.tocsr(), Y

    def _save_model(self) -> None:
        sp.save_npz(self.saved / "X.npz", self.X)
        sp.save_npz(self.saved / "Y.npz", self.Y)

    def _rank(self, X: sp.csr_matrix, k: int) -> np.ndarray:
        n, power = self.params["n_neighbors"], self.params["power"]
        out = np.full((X.shape[0], k), -1, dtype=np.int64)
        for start in range(0, X.shape[0], 256):  # bounds the similarities held at once
            nearest, cosine = rank_sparse(X[start : start + 256] @ self.X, n)
            rows, places = np.nonzero(nearest >= 0)
            votes = cosine[rows, places] ** power
            shape = (len(nearest), self.Y.shape[0])
            V = sp.csr_matrix((votes, (rows, nearest[rows, places])), shape=shape)
            out[start : start + 256] = rank_sparse(V @ self.Y, k)[0]
        return out


class Popular(System):
    """The most frequent labels, whatever the text."""

    seeded = False

    def fit(self, texts: list[str], Y: sp.csr_matrix) -> None:
        """Count the labels."""
        counts = np.bincount(Y.indices, minlength=Y.shape[1])
        self.best = np.argsort(-counts, kind="stable")[:1000]

    def save(self) -> None:
        """Write the labels."""
        np.save(self.saved / "best.npy", self.best)

    def topk(self, texts: list[str], k: int) -> np.ndarray:
        """Return the same columns for every text."""
        return pad([self.best] * len(texts), k)


# name -> class, parameters; the order is that of the tables
SYSTEMS: dict[str, tuple[type[System], dict[str, Any]]] = {
    "ours": (Ours, {}),
    "omikuji-bonsai": (Omikuji, {"kind": "bonsai"}),
    "omikuji-parabel": (Omikuji, {}),
    "napkinxc-plt": (NapkinXC, {}),
    "xrlinear": (XRLinear, {}),
    "fasttext": (FastText, {}),
    "neighbours": (Neighbours, {}),
    "popular": (Popular, {}),
}


def make_system(name: str, params: dict[str, Any], seed: int, threads: int, folder: Path) -> System:
    """System of the registry, with further parameters over those of the registry."""
    kind, base = SYSTEMS[name]
    shutil.rmtree(folder, ignore_errors=True)
    return kind({**base, **params}, seed, threads, folder)
