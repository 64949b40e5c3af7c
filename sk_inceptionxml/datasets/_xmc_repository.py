"""Readers for the file formats of the Extreme Classification Repository."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.utils import Bunch

from ._io import PathLike, decode, fail, get_field, iter_json, iter_lines

_NUMBER_CHARACTERS = b"0123456789.+-eE"
_FLOAT32_MAX = float(np.finfo(np.float32).max)


class _Rows:
    """CSR rows under construction, in compact arrays that grow by appending."""

    def __init__(self) -> None:
        self.indices = array("i")
        self.values = array("f")
        self.indptr = array("q", [0])

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def close_row(self) -> None:
        self.indptr.append(len(self.indices))

    def to_csr(self, n_columns: int) -> csr_matrix:
        """Return the rows as a canonical matrix that owns its arrays."""
        arrays = (
            np.array(self.values, dtype=np.float32),
            np.array(self.indices, dtype=np.int32),
            np.array(self.indptr, dtype=np.int64),
        )
        matrix = csr_matrix(arrays, shape=(len(self), n_columns))
        matrix.sum_duplicates()
        return matrix

    def to_indicator(self, n_columns: int) -> csr_matrix:
        """Return the rows as a 0/1 matrix; a label that is repeated in a row counts once."""
        matrix = self.to_csr(n_columns)
        matrix.data[:] = 1.0
        return matrix


def _add_pairs(path: PathLike, number: int, tokens: list[bytes], rows: _Rows, width: int) -> None:
    """Append one row of ``index:value`` tokens."""
    joined = b" ".join(tokens)
    parts = joined.replace(b":", b" ").split()
    # What is left without the numbers must be one colon a token: cheap, and misses no bad pair.
    separators = joined.translate(None, _NUMBER_CHARACTERS)
    if len(parts) != 2 * len(tokens) or separators != (b": " * len(tokens))[:-1]:
        bad = next((t for t in tokens if not _is_pair(t)), joined)
        fail(path, number, f"expected 'index:value' pairs, got {_show(bad)}")
    try:
        indices = list(map(int, parts[::2]))
        values = list(map(float, parts[1::2]))
    except ValueError as error:
        fail(path, number, f"expected 'index:value' pairs with an integer and a number: {error}")
    _check_range(path, number, indices, width, "index")
    rows.indices.extend(indices)
    rows.values.extend(values)


def _is_pair(token: bytes) -> bool:
    left, _, right = token.partition(b":")
    return bool(left and right) and token.translate(None, _NUMBER_CHARACTERS) == b":"


def _show(token: bytes) -> str:
    text = token[:60].decode("utf-8", "replace")
    return repr(text + "..." if len(token) > 60 else text)


def _check_range(path: PathLike, number: int, values: list[int], width: int, what: str) -> None:
    if not values:
        return
    for value in (min(values), max(values)):
        if not 0 <= value < width:
            fail(path, number, f"{what} {value} is out of range for {width} columns (from 0)")


def _whole_numbers(path: PathLike, number: int, fields: list[bytes]) -> list[int]:
    """The numbers that fields of digits mean; Python reads no more than 4,300 digits."""
    try:
        return list(map(int, fields))
    except ValueError as error:
        fail(path, number, f"not a number: {error}")


def _add_labels(path: PathLike, number: int, token: bytes, rows: _Rows, width: int) -> None:
    """Append one row of comma-separated labels."""
    # isdigit first: int() would also take "1_0" and signs.
    fields = token.split(b",") if token else []
    for field in fields:
        if not field.isdigit():
            fail(path, number, f"expected comma-separated label numbers, got {_show(token)}")
    labels = _whole_numbers(path, number, fields)
    _check_range(path, number, labels, width, "label")
    rows.indices.extend(labels)
    rows.values.extend([1.0] * len(labels))


def _read_header(path: PathLike, lines: Iterator[tuple[int, bytes]], names: str) -> list[int]:
    """Read the first line, which must hold as many counts as there are ``names``."""
    _, line = next(lines, (1, b""))
    fields = line.split()
    if len(fields) != len(names.split()) or not all(field.isdigit() for field in fields):
        fail(path, 1, f"expected the header '{names}' (non-negative integers), got {_show(line)}")
    sizes = _whole_numbers(path, 1, fields)
    if max(sizes[1:]) > np.iinfo(np.int32).max:
        fail(path, 1, f"more than 2**31 - 1 columns are not supported, got {_show(line)}")
    return sizes


def _iter_body(
    path: PathLike, lines: Iterator[tuple[int, bytes]], n_rows: int
) -> Iterator[tuple[int, bytes]]:
    """Yield exactly the announced rows; only blank lines may follow them."""
    number = 1
    for number, line in lines:
        if number - 1 <= n_rows:
            yield number, line
        elif line.strip():
            fail(path, number, f"too many rows: the header announces {n_rows}")
    if number - 1 < n_rows:
        fail(path, number, f"too few rows: the header announces {n_rows}, got {number - 1}")


def _check_finite(path: PathLike, matrix: csr_matrix) -> csr_matrix:
    """The matrix, if its values, those of repeated indices summed, are finite."""
    bad = np.flatnonzero(~np.isfinite(matrix.data))
    if bad.size:
        row = int(np.searchsorted(matrix.indptr, bad[0], side="right")) - 1
        fail(path, row + 2, "a value is not finite in single precision")
    return matrix


def load_xmc_sparse(path: PathLike) -> Bunch:
    r"""Load a data set in the repository's sparse text format.

    The first line holds ``n_samples n_features n_labels``; every further line is one sample,
    ``label,label,... feature:value feature:value ...``, indices from 0. A sample without labels
    starts with a space or with its first pair. The file may be gzip-compressed; it is read as a
    stream.

    Parameters
    ----------
    path : str or path-like
        The file, such as ``train.txt``.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : csr_matrix of shape (n_samples, n_features), float32
            The features; an index repeated in a row is summed.
        target : csr_matrix of shape (n_samples, n_labels), float32
            The 0/1 indicator of the labels.

    Raises
    ------
    ValueError
        If the header or a pair is malformed, an index is out of range, a value is not finite, or
        the number of rows is not the announced one. The message names file and line.

    References
    ----------
    .. [1] K. Bhatia et al., "The extreme classification repository: Multi-label datasets and
       code", 2016, http://manikvarma.org/downloads/XC/XMLRepository.html

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_xmc_sparse
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "train.txt")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write("2 4 3\n0,2 1:0.5 3:2\n1 0:1\n")
    ...     train = load_xmc_sparse(path)
    >>> train.data.toarray()
    array([[0. , 0.5, 0. , 2. ],
           [1. , 0. , 0. , 0. ]], dtype=float32)
    >>> train.target.toarray()
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    lines = iter_lines(path)
    n_rows, n_features, n_labels = _read_header(path, lines, "n_samples n_features n_labels")
    features, labels = _Rows(), _Rows()
    for number, line in _iter_body(path, lines, n_rows):
        tokens = line.split()
        # A leading space is how the format writes an empty list of labels.
        has_labels = bool(tokens) and not line[:1].isspace() and b":" not in tokens[0]
        _add_labels(path, number, tokens[0] if has_labels else b"", labels, n_labels)
        _add_pairs(path, number, tokens[has_labels:], features, n_features)
        features.close_row()
        labels.close_row()
    X = _check_finite(path, features.to_csr(n_features))
    return Bunch(data=X, target=labels.to_indicator(n_labels))


def load_xmc_matrix(path: PathLike) -> csr_matrix:
    r"""Load a sparse matrix in the repository's text format.

    The first line holds ``n_rows n_columns``; every further line is one row,
    ``index:value index:value ...``, indices from 0, empty for a row without entries. These are
    the files such as ``trn_X_Y.txt`` (labels), ``trn_X_Xf.txt`` (features) and ``Y_Yf.txt``
    (label features).

    Parameters
    ----------
    path : str or path-like
        The file, which may be gzip-compressed; it is read as a stream.

    Returns
    -------
    matrix : csr_matrix of shape (n_rows, n_columns), float32
        The matrix with sorted indices; an index repeated in a row is summed.

    Raises
    ------
    ValueError
        If the header or a pair is malformed, an index is out of range, a value is not finite, or
        the number of rows is not the announced one. The message names file and line.

    References
    ----------
    .. [1] K. Bhatia et al., "The extreme classification repository: Multi-label datasets and
       code", 2016, http://manikvarma.org/downloads/XC/XMLRepository.html

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_xmc_matrix
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trn_X_Y.txt")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write("2 3\n0:1 2:1\n1:1\n")
    ...     Y = load_xmc_matrix(path)
    >>> Y.toarray()
    array([[1., 0., 1.],
           [0., 1., 0.]], dtype=float32)
    """
    lines = iter_lines(path)
    n_rows, n_columns = _read_header(path, lines, "n_rows n_columns")
    rows = _Rows()
    for number, line in _iter_body(path, lines, n_rows):
        _add_pairs(path, number, line.split(), rows, n_columns)
        rows.close_row()
    return _check_finite(path, rows.to_csr(n_columns))


def load_xmc_json(
    path: PathLike, *, n_labels: int | None = None, return_content: bool = False
) -> Bunch:
    """Load a raw-text data set of the repository, one JSON object a line.

    The objects have the keys ``title`` and ``target_ind`` (label indices, from 0), and may have
    ``uid``, ``content`` and ``target_rel`` (one relevance for each label index). Those of a label
    file, ``lbl.json``, have no ``target_ind``.

    Parameters
    ----------
    path : str or path-like
        The file, such as ``trn.json``, ``trn.json.gz`` or ``lbl.json.gz``; it is read as a stream.
    n_labels : int or None, default=None
        The number of labels, which is that of ``lbl.json``. If None, one more than the largest
        index in this file; pass it when train and test files must agree.
    return_content : bool, default=False
        Whether to keep the long texts too.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object with the keys

        data : list of str, length n_samples
            The titles.
        target : csr_matrix of shape (n_samples, n_labels), float32, or None
            The relevances, 1 where the file gives none; a repeated label is kept once, with its
            largest relevance. None for a label file.
        uids : list, length n_samples
            The identifiers, None where the file gives none.
        content : list of str, length n_samples
            The long texts, empty where the file gives none. Only if ``return_content``.

    Raises
    ------
    ValueError
        If a line is not such an object, a label index is out of range, or only some of the objects
        have a ``target_ind``. The message names file and line.

    References
    ----------
    .. [1] K. Bhatia et al., "The extreme classification repository: Multi-label datasets and
       code", 2016, http://manikvarma.org/downloads/XC/XMLRepository.html

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_xmc_json
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "trn.json")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write('{"uid": "a", "title": "red kite", "target_ind": [2, 0]}')
    ...     train = load_xmc_json(path, n_labels=4)
    >>> train.data, train.target.toarray().tolist()
    (['red kite'], [[1.0, 0.0, 1.0, 0.0]])
    """
    width = np.iinfo(np.int32).max if n_labels is None else n_labels
    titles: list[str] = []
    contents: list[str] = []
    uids: list[object] = []
    rows = _Rows()
    is_label_file = False
    for number, row in iter_json(path):
        if not titles:
            is_label_file = "target_ind" not in row
        titles.append(get_field(path, number, row, "title", str))
        uids.append(row.get("uid"))
        if return_content:
            contents.append(get_field(path, number, {"content": "", **row}, "content", str))
        if is_label_file:
            if "target_ind" in row:
                fail(path, number, "it has a 'target_ind', but the first object has none")
            continue
        relevances = _get_relevances(path, number, row)
        _check_range(path, number, list(relevances), width, "label")
        rows.indices.extend(relevances)
        rows.values.extend(relevances.values())
        rows.close_row()
    if n_labels is None:
        n_labels = max(rows.indices, default=-1) + 1
    target = None if is_label_file else rows.to_csr(n_labels)
    result = Bunch(data=titles, target=target, uids=uids)
    if return_content:
        result["content"] = contents
    return result


def _get_relevances(path: PathLike, number: int, row: dict[str, object]) -> dict[int, float]:
    """Return the labels of one object with their relevances, each label once."""
    labels = get_field(path, number, row, "target_ind", list)
    values = get_field(path, number, {"target_rel": [1.0] * len(labels), **row}, "target_rel", list)
    if len(values) != len(labels):
        fail(path, number, f"{len(labels)} in 'target_ind' but {len(values)} in 'target_rel'")
    relevances: dict[int, float] = {}
    for label, value in zip(labels, values, strict=True):
        if type(label) is not int:
            fail(path, number, f"'target_ind' must hold integers, got {label!r}")
        if type(value) not in (int, float) or not abs(value) <= _FLOAT32_MAX:
            fail(path, number, f"'target_rel' must hold finite numbers, got {value!r}")
        relevances[label] = max(float(value), relevances.get(label, -np.inf))
    return relevances


def load_xmc_filter(path: PathLike) -> NDArray[np.int64]:
    r"""Load the pairs that predictions must not contain, from a ``filter_labels`` file.

    In data sets whose labels are documents too, a text may be its own label; the repository
    lists these pairs so that they are removed from predictions before scoring.

    Parameters
    ----------
    path : str or path-like
        The file, such as ``filter_labels_test.txt``: a row and a label index a line, from 0. It
        may be gzip-compressed.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2), int64
        The row indices and the label indices.

    Raises
    ------
    ValueError
        If a line does not hold two non-negative integers. The message names file and line.

    References
    ----------
    .. [1] K. Bhatia et al., "The extreme classification repository: Multi-label datasets and
       code", 2016, http://manikvarma.org/downloads/XC/XMLRepository.html

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_xmc_filter
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "filter_labels_test.txt")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write("0 7\n3 1\n")
    ...     load_xmc_filter(path)
    array([[0, 7],
           [3, 1]])
    """
    flat = array("q")
    for number, line in iter_lines(path):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2 or not all(field.isdigit() and len(field) < 19 for field in fields):
            fail(path, number, f"expected 'row label' (integers from 0), got {_show(line)}")
        flat.extend(map(int, fields))
    return np.array(flat, dtype=np.int64).reshape(-1, 2)


def load_xmc_raw_text(path: PathLike, *, encoding: str = "utf-8") -> list[str]:
    r"""Load the texts of labels or samples, in row order.

    Parameters
    ----------
    path : str or path-like
        A text file with one text a line, such as ``Y.txt``; an empty line is an empty text. If
        the name ends in ``.json`` or ``.jsonl``, each line is a JSON object with a ``title``, as
        in ``lbl.json``. The file may be gzip-compressed (``.gz``).
    encoding : str, default="utf-8"
        The encoding of a text file; some of the repository's are ``"latin-1"``. JSON is UTF-8.

    Returns
    -------
    texts : list of str
        The texts.

    Raises
    ------
    ValueError
        If a line cannot be decoded, or is not an object with a ``title``. The message names file
        and line.

    References
    ----------
    .. [1] K. Bhatia et al., "The extreme classification repository: Multi-label datasets and
       code", 2016, http://manikvarma.org/downloads/XC/XMLRepository.html

    Examples
    --------
    >>> import os, tempfile
    >>> from sk_inceptionxml.datasets import load_xmc_raw_text
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "Y.txt")
    ...     with open(path, "w") as stream:
    ...         _ = stream.write("Kites\nModel boats\n")
    ...     load_xmc_raw_text(path)
    ['Kites', 'Model boats']
    """
    if os.fspath(path).removesuffix(".gz").endswith((".json", ".jsonl")):
        return [get_field(path, n, row, "title", str) for n, row in iter_json(path)]
    return [decode(path, n, line, encoding) for n, line in iter_lines(path)]
