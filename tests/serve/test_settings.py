"""Settings are checked when they are made."""

import pytest

from sk_inceptionxml.serve import Settings, run


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_texts", 0),
        ("max_body_bytes", -1),
        ("max_text_length", 1.5),
        ("queue_size", True),
        ("batch_size", "32"),
        ("max_k", 101),
        ("filter_depth", 0),
        ("threads", 0),
        ("reload_interval", -1),
        ("reload_interval", float("nan")),
        ("drain_seconds", "1"),
        ("token", ""),
        ("token", "two words"),
        ("token", "ümlaut"),
        ("token", 3),
        ("examples", "one title"),
        ("examples", [1]),
    ],
)
def test_bad_settings_are_refused_by_name(name, value):
    with pytest.raises((TypeError, ValueError), match=name):
        Settings(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("port", 65536), ("port", "80"), ("workers", 0), ("workers", True)]
)
def test_bad_arguments_of_run_are_refused_by_name(model_dir, name, value):
    with pytest.raises(ValueError, match=name):
        run({"toys": model_dir}, **{name: value})
