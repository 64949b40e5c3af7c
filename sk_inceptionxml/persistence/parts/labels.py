"""The names of the labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from sk_inceptionxml.labels import LabelSpace
from sk_inceptionxml.persistence.checks import fail, object_of, one_of, string
from sk_inceptionxml.persistence.files import ArrayFile, put_strings
from sk_inceptionxml.persistence.versions import MAX_WIDTH, Arrays

CHECK = object_of(
    form=one_of("binary", "multiclass", "indicator", "sparse", "lists"),
    container=one_of("csr_array", "csr_matrix"),
    dtype=string("u?int(8|16|32|64)"),
    classes_dtype=string(r"object|[<>]U\d{1,6}|[<>|][iuf][1248]|\|b1"),
    classes=one_of("range", "strings", "numbers"),
)


def describe(space: LabelSpace, memory: Arrays) -> dict[str, Any]:
    """The label space as plain data; the names go to ``memory``."""
    state = space.to_dict()
    names = state["classes"].get("names")
    if names is None:
        state["classes"] = "range"
    elif isinstance(names[0], str):
        put_strings(memory, "labels", names)
        state["classes"] = "strings"
        kind, longest = state["classes_dtype"], max(1, *map(len, names))
        if kind != "object" and int(kind[2:]) > MAX_WIDTH * longest:  # which load refuses
            state["classes_dtype"] = f"{kind[:2]}{longest}"
    else:
        unsigned = np.dtype(state["classes_dtype"]).kind == "u"
        memory["labels"] = np.array(names, dtype=np.uint64 if unsigned else None)
        if isinstance(names[0], bool):
            memory["labels"] = memory["labels"].astype(np.uint8)
        state["classes"] = "numbers"
    return state


def read(state: dict[str, Any], arrays: ArrayFile, n_labels: int) -> LabelSpace:
    """The label space of ``n_labels`` labels."""
    kind, dtype = state["classes"], state["classes_dtype"]
    is_string = dtype == "object" or "U" in dtype
    if is_string != (kind == "strings") or (kind == "range" and dtype not in ("<i8", ">i8")):
        fail(f"labels.classes_dtype {dtype} does not fit {kind}.")
    classes: dict[str, Any] = {"range": n_labels}
    if kind == "strings":
        names = arrays.strings("labels", n_labels)
        width = 0 if dtype == "object" else int(dtype[2:])
        longest = max(map(len, names))
        # a fixed-width array may be far larger than its text
        if width and (width < longest or (width > 1 and width > MAX_WIDTH * longest)):
            fail(f"labels.classes_dtype {dtype} does not fit names of {longest} characters.")
        if width * n_labels > 256 * sum(map(len, names)) + (1 << 20):
            fail(f"labels of dtype {dtype} would take {4 * width * n_labels} bytes.")
        classes = {"names": names}
    elif kind == "numbers":
        values = arrays.arrays.get("labels")
        is_float = values is not None and values.dtype.kind == "f"
        if is_float:
            values = arrays.take("labels", "f", (n_labels,))
        elif values is None or arrays.arrays.pop("labels").shape != (n_labels,):
            fail("labels have another shape.")
        classes = {"names": values.tolist()}  # type: ignore[union-attr]
    space = LabelSpace.from_dict({**state, "classes": classes})
    if kind == "numbers" and (
        not np.array_equal(space.classes_, values) or len(np.unique(values)) < n_labels  # type: ignore[arg-type]
    ):
        fail(f"labels do not fit {dtype} or are not distinct.")
    if space.form == "binary" and n_labels != 2:
        fail(f"labels.form is binary, but there are {n_labels} labels.")
    return space
