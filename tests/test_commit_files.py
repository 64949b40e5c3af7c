"""The example that reads the history of git repositories."""

import gzip
import json
import subprocess
import sys

import pytest
from _examples import load_example

AUTHOR = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]


@pytest.fixture(scope="module")
def example():
    return load_example("commit_files")


def commit(folder, time, title, *files):
    for name in files:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{title} {time}\n")
    date = f"@{time} +0000"
    variables = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date, "PATH": "/usr/bin:/bin"}
    for command in (["add", "-A"], ["commit", "-q", "-m", title]):
        subprocess.run(["git", "-C", folder, *AUTHOR, *command], check=True, env=variables)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clones") / "shop"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    for i in range(30):
        commit(folder, 1000 + i, f"cart: fix total {i}", "src/cart.py", "tests/cart.py")
        commit(folder, 2000 + i, f"mail: send letter {i}", "src/mäil with blank.py")
    commit(folder, 3000, "a file of its own", "src/once.py")
    commit(folder, 3001, "rename everything", *(f"many/{i}" for i in range(9)))
    for i in range(5):
        commit(folder, 4000 + i, f"Überblick {i}", "src/cart.py")
    return folder


def test_commits_are_titles_and_paths(example, repository):
    commits = list(example.read_commits("shop", repository, max_files=5))
    assert len(commits) == 66  # the one of nine files is left out
    newest = commits[0]
    assert newest == (4004, "Überblick 4", ["shop/src/cart.py"])
    assert ["shop/src/mäil with blank.py"] in [commit.files for commit in commits]


def test_the_newest_are_held_back_and_rare_files_are_left_out(example, repository):
    commits = list(example.read_commits("shop", repository, max_files=20))
    train, test = example.split(commits, 5)
    assert [c.title for c in test] == [f"Überblick {i}" for i in range(5)]
    assert max(c.seconds for c in train) < min(c.seconds for c in test)
    assert {f for c in train for f in c.files} == {
        f"shop/{f}" for f in ("src/cart.py", "tests/cart.py", "src/mäil with blank.py")
    }


def test_a_folder_that_is_no_repository_is_an_error(example, tmp_path):
    with pytest.raises(subprocess.CalledProcessError):
        list(example.read_commits("none", tmp_path, 5))


def test_it_writes_both_parts_and_judges_a_model(
    example, repository, tmp_path, capsys, monkeypatch
):
    arguments = ["--repository", f"s={repository}", "--test", "5", "--out", str(tmp_path), "--fit"]
    monkeypatch.setattr(sys, "argv", ["commit_files.py", *arguments])
    example.main()
    printed = capsys.readouterr().out
    assert "60 training rows, 5 test rows, 3 labels" in printed
    assert "P@3 33.33" in printed  # of three labels, one is right
    with gzip.open(tmp_path / "test.jsonl.gz", "rt", encoding="utf-8") as stream:
        assert json.loads(next(stream)) == {"text": "Überblick 0", "labels": ["s/src/cart.py"]}
    assert (tmp_path / "model" / "model.json").exists()


def test_too_few_commits_are_refused_before_anything_is_written(
    example, repository, tmp_path, capsys, monkeypatch
):
    arguments = ["--repository", str(repository), "--test", "100", "--out", str(tmp_path / "no")]
    monkeypatch.setattr(sys, "argv", ["commit_files.py", *arguments])
    with pytest.raises(SystemExit):
        example.main()
    assert "lower --test" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()
