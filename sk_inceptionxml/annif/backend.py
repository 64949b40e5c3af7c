"""The backend itself; importable where Annif is."""

from __future__ import annotations

import gzip
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from annif.backend import backend
from annif.exception import (
    ConfigurationException,
    NotInitializedException,
    NotSupportedException,
    OperationFailedException,
)
from annif.suggestion import SubjectSuggestion, SuggestionBatch

from sk_inceptionxml.datasets import load_jsonl
from sk_inceptionxml.exceptions import ModelFormatError

from .options import OF_ANNIF, estimator_parameters, whose_label_texts
from .vocabulary import subject_texts

MODEL = "model"  # in the data directory of a project
ROWS = "inceptionxml-train.jsonl.gz"  # Annif knows by "-train" that it is no part of a model


class InceptionXMLBackend(backend.AnnifLearningBackend):
    """InceptionXML as an Annif backend; its labels are the URIs of subjects.

    Every parameter of ``InceptionXMLClassifier`` is a setting of the project.
    """

    name = "inceptionxml"
    DEFAULT_PARAMETERS = {"label_texts": "no"}

    _model: Any = None
    _subject_ids: dict[str, int] | None = None

    @property
    def _model_file_paths(self) -> list[str]:
        return [str(path) for path in Path(self.datadir, MODEL).glob("**/*") if path.is_file()]

    def initialize(self, parallel: bool = False) -> None:
        """Load the model; processes that Annif forks share it."""
        if self._model is not None:
            return
        from sk_inceptionxml import InceptionXMLClassifier

        path = Path(self.datadir, MODEL)
        if not path.is_dir():
            raise NotInitializedException(f"model {path} not found", backend_id=self.backend_id)
        self.debug(f"loading model from {path}")
        try:
            self._use(InceptionXMLClassifier.load(path))
        except (ModelFormatError, ValueError) as error:
            raise OperationFailedException(
                f"{error} Train the project again.", backend_id=self.backend_id
            ) from error

    def _train(self, corpus: Any, params: dict[str, Any], jobs: int = 0) -> None:
        from sk_inceptionxml import InceptionXMLClassifier
        from sk_inceptionxml.training.trainer import resolve_device

        shown = int(self._says_what_it_does())
        with self._misconfigured():
            whose = whose_label_texts(params)
            wanted = {"verbose": shown} | estimator_parameters(params, self._shared_settings())
            model = InceptionXMLClassifier(**wanted)
            model._check_parameters()
            resolve_device(model.device)
        texts, labels = self._cached() if corpus == "cached" else self._rows(corpus, "train")
        if corpus != "cached":
            self._cache(texts, labels)
        seen = {uri for uris in labels for uri in uris}
        label_texts = None if whose == "no" else self._texts_of(seen if whose == "seen" else None)
        self.info(f"training on {len(texts)} documents with {len(seen)} subjects")
        with self._failing("training"), _threads(jobs):
            model.fit(texts, labels, label_texts=label_texts)
        self._keep(model)

    def _learn(self, corpus: Any, params: dict[str, Any]) -> None:
        self.initialize()
        texts, labels = self._rows(corpus, "learn")
        model = self._model
        known = set(model.classes_.tolist())
        new = {uri for uris in labels for uri in uris} - known
        self.info(f"learning {len(texts)} documents; {len(new)} subjects are new")
        label_texts = self._texts_of(new) if model.fusion_.text else None
        with self._failing("learning"):
            model.partial_fit(texts, labels, label_texts=label_texts or None)
        self._keep(model)

    def _suggest_batch(self, documents: list[Any], params: dict[str, Any]) -> SuggestionBatch:
        ids = self._subject_ids
        assert ids is not None  # suggest initializes
        k = int(params["limit"])
        found: Iterable[Any] = [[]] * len(documents)
        if k > 0 and documents:
            texts = [document.text for document in documents]
            found = self._model.predict_topk(texts, k=k, as_lists=True)
        suggestions = [
            [
                SubjectSuggestion(subject_id=ids[uri], score=float(score))
                for uri, score in row
                if uri in ids
            ]
            for row in found
        ]
        return SuggestionBatch.from_sequence(suggestions, self.project.subjects)

    def _use(self, model: Any) -> None:
        """Predict with a model; subjects that the vocabulary has lost are left out."""
        subjects = self.project.subjects
        ids = {uri: subjects.by_uri(uri, warnings=False) for uri in model.classes_.tolist()}
        lost = sum(subject_id is None for subject_id in ids.values())
        if lost:
            self.warning(f"{lost} of {len(ids)} subjects of the model are not in the vocabulary")
        self._subject_ids = {uri: i for uri, i in ids.items() if i is not None}
        self._model = model

    def _keep(self, model: Any) -> None:
        path = Path(self.datadir, MODEL)
        self.info(f"saving model to {path}")
        model.set_params(verbose=0)  # what this terminal shows is no part of the model
        with self._failing("saving"):
            model.save(path)
        self._use(model)

    def _rows(self, corpus: Any, verb: str) -> tuple[list[str], list[list[str]]]:
        """Texts and URIs of the documents that have subjects."""
        subjects = self.project.subjects
        texts: list[str] = []
        labels: list[list[str]] = []
        n_documents = 0
        for document in corpus.documents:
            n_documents += 1
            if document.subject_set:
                texts.append(document.text)
                labels.append(sorted(subjects[i].uri for i in document.subject_set))
        if not texts:
            raise NotSupportedException(
                f"cannot {verb} without documents that have subjects; the corpus has "
                f"{n_documents} documents",
                backend_id=self.backend_id,
            )
        if n_documents > len(texts):
            self.info(f"leaving out {n_documents - len(texts)} documents without subjects")
        return texts, labels

    def _cache(self, texts: list[str], labels: list[list[str]]) -> None:
        """Write what ``--cached`` reads."""
        target, half = Path(self.datadir, ROWS), Path(self.datadir, f"tmp-{ROWS}")
        with gzip.open(half, "wt", encoding="utf-8", compresslevel=1) as stream:
            for text, uris in zip(texts, labels, strict=True):
                stream.write(json.dumps({"text": text, "labels": uris}) + "\n")
        os.replace(half, target)

    def _cached(self) -> tuple[list[str], list[list[str]]]:
        path = Path(self.datadir, ROWS)
        if not path.exists():
            raise NotInitializedException(
                "there is no cached training data: train once without --cached",
                backend_id=self.backend_id,
            )
        self.info("Reusing cached training data from previous run.")
        with self._failing("reading the cached training data"):
            rows = load_jsonl(path)
        return rows.data, rows.target

    def _texts_of(self, uris: set[str] | None) -> dict[str, list[str]]:
        return subject_texts(
            self.project.vocab, self.project.subjects, self.project.vocab_lang, uris
        )

    def _shared_settings(self) -> dict[str, str]:
        parser = getattr(self.config_params, "parser", None)  # of a .cfg file; TOML shares none
        return {} if parser is None else dict(parser.defaults())

    def _says_what_it_does(self) -> bool:
        import annif

        return annif.logger.isEnabledFor(20) and sys.stderr.isatty()

    @contextmanager
    def _misconfigured(self) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError) as error:
            raise ConfigurationException(
                f"{' '.join(str(error).split())} (settings of Annif are "
                f"{', '.join(sorted(OF_ANNIF))}; all others are parameters of "
                "InceptionXMLClassifier)",
                backend_id=self.backend_id,
            ) from error

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except (ValueError, TypeError, OSError) as error:
            message = f"{what}: {' '.join(str(error).split())}"
            raise OperationFailedException(message, backend_id=self.backend_id) from error


@contextmanager
def _threads(jobs: int) -> Iterator[None]:
    """Train with a number of threads; 0 leaves the choice to torch."""
    if jobs < 1:
        yield
        return
    import torch
    from threadpoolctl import threadpool_limits

    former = torch.get_num_threads()
    torch.set_num_threads(jobs)
    try:
        with threadpool_limits(jobs):
            yield
    finally:
        torch.set_num_threads(former)
