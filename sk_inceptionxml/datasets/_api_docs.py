"""A real short-text corpus that every installation can make offline."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch

from ._harvest import PACKAGES, Record

HARVEST_VERSION = 1
_TIMEOUT_SECONDS = 600
_HARVEST_SCRIPT = Path(__file__).with_name("_harvest.py")
_DISTRIBUTIONS = {"sklearn": "scikit-learn"}

_DESCR = """\
API documentation of scientific Python packages
===============================================

Each text is the one-line summary of a public function, class or method; its labels are the names
of the parameters. Callables with the same summary are one sample with the labels of all. The
corpus is harvested from the packages installed here, so that it depends on their versions:
{versions}.

Samples in this subset: {n_samples} of {n_all}. Labels: {n_labels}, on average {mean:.2f} a sample;
{n_once} of them occur once in all. The split is fixed by a hash of the text.
"""


def load_api_docs(
    *,
    subset: str = "train",
    return_X_y: bool = False,
    min_label_count: int = 1,
    cache: bool = True,
) -> Bunch | tuple[list[str], list[list[str]]]:
    """Load the API documentation corpus: summaries as texts, parameter names as labels.

    The corpus is harvested from the installed packages among joblib, NumPy, pandas, scikit-learn,
    SciPy, skorch and PyTorch: some thousands of short texts with a long tail of labels, without a
    download. The harvest imports their public modules in a process of its own, which takes some
    seconds; the result is cached for each combination of versions.

    Parameters
    ----------
    subset : {"train", "test", "all"}, default="train"
        The part to load. A hash of the text puts it in the test part with probability 1/5, so
        that a text is on the same side whatever the versions are.
    return_X_y : bool, default=False
        Whether to return ``(data, target)`` instead of a Bunch.
    min_label_count : int, default=1
        Labels with fewer samples in the whole corpus are removed, and then samples without
        labels.
    cache : bool, default=True
        Whether to read and write the cache, which is in the folder that the environment variable
        ``SK_INCEPTIONXML_DATA_HOME`` names, or else in ``~/.cache/sk_inceptionxml``. A cache that
        is damaged or cannot be written is ignored.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : list of str, length n_samples
            The distinct texts, in the order of ``names``.
        target : list of list of str, length n_samples
            The sorted labels of each text.
        label_names : list of str, length n_labels
            The sorted labels of the whole corpus, whatever the subset.
        feature_names : list of str, length 1
            What the text is: ``["summary"]``.
        names : list of str, length n_samples
            The qualified name of the first callable with each text, sorted.
        versions : dict of str to str
            The version of each package that was found.
        DESCR : str
            A description of the corpus.

    (data, target) : tuple if ``return_X_y`` is True
        The texts and their labels.

    Raises
    ------
    ValueError, TypeError
        If a parameter is out of its range.
    RuntimeError
        If the harvest fails.

    See Also
    --------
    make_short_text : Synthetic texts of any size.

    Examples
    --------
    >>> from sk_inceptionxml.datasets import load_api_docs
    >>> docs = load_api_docs(subset="all")
    >>> sample = docs.names.index("joblib.hash")
    >>> docs.data[sample]
    'Quick calculation of a hash to identify uniquely Python objects containing numpy arrays'
    >>> docs.target[sample]
    ['coerce_mmap', 'hash_name', 'obj']
    """
    if subset not in ("train", "test", "all"):
        raise ValueError(f"subset must be 'train', 'test' or 'all', got {subset!r}")
    if isinstance(min_label_count, bool) or not isinstance(min_label_count, int):
        raise TypeError(f"min_label_count must be an int, got {min_label_count!r}")
    if min_label_count < 1:
        raise ValueError(f"min_label_count must be at least 1, got {min_label_count}")
    versions = _get_versions()
    records = _read_cache(versions) if cache else None
    if records is None:
        records = _run_harvest()
        if cache:
            _write_cache(versions, records)
    result = _make_bunch(records, subset, min_label_count, versions)
    return (result.data, result.target) if return_X_y else result


def _make_bunch(
    records: list[Record], subset: str, min_label_count: int, versions: dict[str, str]
) -> Bunch:
    counts = Counter(label for record in records for label in record["labels"])
    label_names = sorted(label for label, n in counts.items() if n >= min_label_count)
    kept = set(label_names)
    rows = [(r["name"], r["text"], [x for x in r["labels"] if x in kept]) for r in records]
    rows = [row for row in rows if row[2]]
    n_all = len(rows)
    if subset != "all":
        rows = [row for row in rows if is_test_text(row[1]) == (subset == "test")]
    target = [labels for _, _, labels in rows]
    description = _DESCR.format(
        versions=", ".join(f"{name} {number}" for name, number in versions.items()),
        n_samples=len(rows),
        n_all=n_all,
        n_labels=len(label_names),
        mean=sum(map(len, target)) / max(1, len(rows)),
        n_once=sum(counts[label] == 1 for label in label_names),
    )
    return Bunch(
        data=[text for _, text, _ in rows],
        target=target,
        label_names=label_names,
        feature_names=["summary"],
        names=[name for name, _, _ in rows],
        versions=versions,
        DESCR=description,
    )


def is_test_text(text: str) -> bool:
    """Tell the side of the fixed split; not hash(), which differs from process to process."""
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") % 5 == 0


def _get_versions() -> dict[str, str]:
    """Return the versions from the package metadata, which imports nothing."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = version(_DISTRIBUTIONS.get(name, name))
        except PackageNotFoundError:
            continue
    return versions


def _run_harvest(packages: tuple[str, ...] = PACKAGES) -> list[Record]:
    """Harvest in another process, so that no import has effects in this one."""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "PYTHONWARNINGS": "ignore",
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "MPLBACKEND": "Agg",
    }
    with tempfile.TemporaryDirectory() as folder:
        output = os.path.join(folder, "records.json")
        command = [sys.executable, os.fspath(_HARVEST_SCRIPT), output, *packages]
        try:
            subprocess.run(
                command,
                check=True,
                capture_output=True,
                stdin=subprocess.DEVNULL,
                cwd=folder,
                env=environment,
                timeout=_TIMEOUT_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            details = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace")[-2000:]
            raise RuntimeError(
                f"the harvest of API documentation failed: {error}\n{details}"
            ) from error
        with open(output, encoding="utf-8") as stream:
            return json.load(stream)


def _get_cache_path(versions: dict[str, str]) -> Path:
    home = os.environ.get("SK_INCEPTIONXML_DATA_HOME")
    folder = Path(home) if home else Path.home() / ".cache" / "sk_inceptionxml"
    key = json.dumps([HARVEST_VERSION, platform.python_version(), versions], sort_keys=True)
    return folder / f"api_docs-{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def _read_cache(versions: dict[str, str]) -> list[Record] | None:
    """Return the cached records, or None if there are none or they are damaged."""
    try:
        records = json.loads(_get_cache_path(versions).read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # RuntimeError: no home folder
        return None
    if isinstance(records, list) and records and all(map(_is_record, records)):
        return records
    return None


def _is_record(record: Any) -> bool:
    return (
        isinstance(record, dict)
        and isinstance(record.get("name"), str)
        and isinstance(record.get("text"), str)
        and isinstance(record.get("labels"), list)
        and all(isinstance(label, str) for label in record["labels"])
    )


def _write_cache(versions: dict[str, str], records: list[Record]) -> None:
    """Write the cache whole or not at all. A cache that cannot be written is not an error."""
    try:
        path = _get_cache_path(versions)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
    except (OSError, RuntimeError):
        return
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            json.dump(records, stream)
        os.replace(temporary, path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
