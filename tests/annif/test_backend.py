"""The backend ``inceptionxml`` under the commands of the real Annif."""

import gzip
import shutil

import pytest
from _annif import UNSEEN, uri, write_tsv


def test_eval_finds_most_subjects(annif):
    found = annif.metrics("plain", "--limit", 2)
    assert found["F1@5"] > 0.9 and found["NDCG"] > 0.9
    assert found["Documents evaluated"] == 56
    assert annif.metrics("both", "--limit", 2)["F1@5"] > 0.9


def test_processes_of_annif_find_the_same(annif):
    alone, together = (annif.metrics("plain", "--jobs", n) for n in (1, 2))
    assert alone == together


def test_suggest_gives_uris_and_probabilities(annif):
    found = annif.suggest("plain", "Notes on sailing from Peru")
    assert list(found)[:2] in ([uri("sailing"), uri("Peru")], [uri("Peru"), uri("sailing")])
    assert all(0 < score <= 1 for score in found.values())
    assert len(annif.suggest("plain", "")) <= 10


def test_a_subject_without_documents_is_found_by_its_label(annif):
    assert next(iter(annif.suggest("named", UNSEEN))) == uri(UNSEEN)
    assert uri(UNSEEN) not in annif.suggest("plain", UNSEEN)


def test_projects_are_listed_as_trained(annif):
    listed = annif.well("list-projects")
    trained = {line.split()[0]: "True" in line for line in listed.splitlines()[2:]}
    assert trained["plain"] and trained["named"] and not trained["wrong"]


@pytest.fixture
def copied(annif, tmp_path):
    """The same place, to be changed."""
    shutil.copytree(annif.folder, tmp_path / "copy")
    return type(annif)(tmp_path / "copy")


@pytest.mark.parametrize("project", ["plain", "named"])
def test_learn_adds_documents_and_subjects(copied, project):
    texts = [
        f"{form} of volcanology, part {i}" for i in range(4) for form in ("Notes", "A history")
    ]
    write_tsv(copied.folder / "new.tsv", [(text, [UNSEEN]) for text in texts])
    ended = copied("learn", project, "new.tsv")
    assert ended.status == 0, ended.err
    assert "learning 8 documents" in ended.err
    assert next(iter(copied.suggest(project, "Essays of volcanology"))) == uri(UNSEEN)
    assert copied.metrics(project, "--limit", 2)["F1@5"] > 0.85


def test_learn_asks_for_documents_with_subjects(copied):
    (copied.folder / "new.tsv").write_text("a title\t<http://example.org/unknown>\n")
    ended = copied("learn", "plain", "new.tsv")
    assert ended.status == 1 and "documents that have subjects" in ended.err


def test_training_again_from_the_cache_gives_the_same(copied):
    before = copied.suggest("plain", "The opera of Malta")
    copied.well("train", "plain", "--cached")
    assert copied.suggest("plain", "The opera of Malta") == before
    copied.well("train", "plain", "--cached", "-b", "inceptionxml.n_neighbors=0", "--jobs", 1)
    assert copied.suggest("plain", "The opera of Malta") != before
    copied.well("clear", "plain")
    ended = copied("train", "plain", "--cached")
    assert ended.status == 1 and "train once without --cached" in ended.err


def test_a_document_without_subjects_is_left_out(copied):
    with gzip.open(copied.folder / "more.tsv.gz", "wt") as stream:
        stream.write((copied.folder / "train.tsv").read_text() + "nothing\t\n")
    ended = copied("train", "plain", "more.tsv.gz")
    assert "leaving out 1 documents without subjects" in ended.err
    assert copied.metrics("plain", "--limit", 2)["F1@5"] > 0.9


def test_a_subject_that_left_the_vocabulary_is_not_suggested(copied):
    lines = (copied.folder / "vocabulary.tsv").read_text().splitlines()
    kept = [line for line in lines if "sailing" not in line]
    (copied.folder / "less.tsv").write_text("\n".join(kept) + "\n")
    copied.well("load-vocab", "subjects", "less.tsv", "--language", "en", "--force")
    ended = copied("suggest", "plain", stdin="Notes on sailing from Peru")
    assert ended.status == 0 and "1 of 16 subjects" in ended.err
    assert uri("sailing") not in ended.out and uri("Peru") in ended.out


@pytest.mark.parametrize(
    ("project", "message"),
    [
        ("wrong", "there is no parameter max_epoch; did you mean max_epochs?"),
        ("range", "The 'lr' parameter of InceptionXMLClassifier must be a float"),
        ("texts", "label_texts must be one of no, seen, all, got 'some'"),
    ],
)
def test_wrong_settings_are_named_before_any_work(annif, project, message):
    ended = annif("train", project, "train.tsv")
    assert ended.status == 1 and message in ended.err
    assert "Traceback" not in ended.err and "Misconfigured" in ended.err


def test_an_untrained_project_and_a_damaged_model_are_errors(copied):
    ended = copied("suggest", "texts", stdin="a title")
    assert ended.status == 1 and "not trained" in ended.err
    (copied.folder / "data/projects/plain/model/model.json").write_text("{")
    ended = copied("suggest", "plain", stdin="a title")
    assert ended.status == 1 and "Train the project again." in ended.err
    assert "Traceback" not in ended.err


def test_settings_that_all_projects_share_may_be_of_other_backends(copied):
    path = copied.folder / "projects.cfg"
    path.write_text("[DEFAULT]\nmin_df=1\nmax_len=16\n\n" + path.read_text())
    copied.well("train", "plain", "train.tsv")
    model = (copied.folder / "data/projects/plain/model/model.json").read_text()
    assert '"max_len": 16' in model


def test_toml_gives_values_as_they_are(copied):
    (copied.folder / "projects.cfg").unlink()
    (copied.folder / "projects.toml").write_text(
        "[toml]\nname = 'x'\nlanguage = 'en'\nvocab = 'subjects'\nbackend = 'inceptionxml'\n"
        "kernel_sizes = [4, 8]\nembedding_dim = 32\nn_filters = 4\nshuffle_words = false\n"
        "head = 'sync'\nhead__beam_size = 2\n"
    )
    copied.well("train", "toml", "train.tsv")
    assert annif_head(copied) == "sync"
    assert uri("opera") in copied.suggest("toml", "The opera of Malta")


def annif_head(place):
    from sk_inceptionxml import InceptionXMLClassifier

    return InceptionXMLClassifier.load(place.folder / "data/projects/toml/model").head_
