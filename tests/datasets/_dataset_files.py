"""Files of data sets, written for the readers."""

import gzip
import json

import numpy as np
from hypothesis import HealthCheck

NO_FIXTURE_CHECK = [HealthCheck.function_scoped_fixture]


def write(path, text, compress=False):
    """Write text, as it is or gzip-compressed, and return the path."""
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    path.write_bytes(gzip.compress(raw) if compress else raw)
    return path


def assert_same(actual, expected):
    assert actual.shape == expected.shape
    assert actual.dtype == np.float32
    assert actual.has_canonical_format
    np.testing.assert_array_equal(actual.toarray(), expected.toarray())


def json_lines(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
