"""The table of all models: what is known of each, which are wanted, in which order, and what the chart shows."""

from __future__ import annotations

import dataclasses

import pytest

from cvstudio.foundation.progress import Progress
from cvstudio.models import MODELS, ModelSpec
from cvstudio.models.catalogue.chart import Cost, bubbles, cost_of, metrics
from cvstudio.models.catalogue.columns import BY_KEY, COLUMNS, ColumnError, columns_of, count_text, ordered
from cvstudio.models.catalogue.entries import (
    CatalogueEntry,
    CatalogueFilter,
    entries_of,
    families,
    licence_kind,
    tasks_of,
)
from cvstudio.models.inspection.speed import Speed, SpeedError, known_speeds, measure, speed_key
from cvstudio.models.inspection.store import Figures
from cvstudio.models.runtime.host import Host
from cvstudio.models.terms import Place, Terms
from cvstudio.weights.declaration import Weights
from cvstudio.weights.store import cached_path, hub_folder


@pytest.fixture
def entries() -> tuple[CatalogueEntry, ...]:
    return entries_of(MODELS)


def of(entries: tuple[CatalogueEntry, ...], key: str) -> CatalogueEntry:
    return next(entry for entry in entries if entry.key == key)


def toy(
    key: str, *, score: float | None = None, macs: int = 0, size: int = 0, family: str = "Toys", ms: float = 0
) -> CatalogueEntry:
    weights = Weights("w", f"{key}.pth", f"http://x/{key}.pth", "0" * 64, size, "MIT", "toys")
    if score is not None:
        weights = dataclasses.replace(weights, scores={"box mAP": score})
    spec = ModelSpec(key, key.title(), "detect", family, "Toy paper", 2020, lambda *_: None, weights=(weights,))
    figures = Figures(macs // 100, macs, (8, 8)) if macs else None
    speed = Speed(ms, "network") if ms else None
    return CatalogueEntry(spec, Terms("MIT", False, size, Place.ABSENT), figures, speed)


def test_every_model_is_a_row_with_what_it_states(entries):
    assert {entry.key for entry in entries} == {model.key for model in MODELS}
    for entry in entries:
        stated = entry.spec.architecture
        if stated is None:
            assert entry.figures is None
        elif stated.parameters and stated.macs:
            assert entry.figures == Figures(stated.parameters, stated.macs, stated.input_size)
        for column in COLUMNS:
            assert isinstance(column.text(entry), str)
            assert (column.value(entry) is None) <= (column.text(entry) == ""), column.key


def placed(entry: CatalogueEntry, place: Place, task: str = "detect") -> CatalogueEntry:
    spec = dataclasses.replace(entry.spec, task=task)
    return dataclasses.replace(entry, spec=spec, terms=dataclasses.replace(entry.terms, place=place))


def test_what_is_ready_and_was_measured_by_its_publisher_comes_first(monkeypatch):
    rows = {
        "haar": placed(toy("haar", family="A"), Place.LIBRARY),
        "gone": placed(toy("gone", score=9, family="A"), Place.GONE),
        "far": placed(toy("far", score=40, family="A"), Place.ABSENT),
        "far-classifier": placed(toy("far-classifier", score=40, family="A"), Place.ABSENT, "classify"),
        "unmeasured": placed(toy("unmeasured", family="A"), Place.ABSENT),
        "own": placed(toy("own", family="A"), Place.HERE),
        "got": placed(toy("got", score=20, family="b"), Place.HERE),
        "embedded": placed(toy("embedded", score=10, family="C"), Place.EMBEDDED),
    }
    monkeypatch.setattr("cvstudio.models.catalogue.entries.entry_of", lambda spec, *_: rows[spec.key])
    found = [entry.key for entry in entries_of([entry.spec for entry in rows.values()])]
    assert found == ["got", "embedded", "own", "far-classifier", "far", "haar", "unmeasured", "gone"]


def test_a_newcomer_meets_figures_first(entries):
    first = entries[0]
    assert first.scores
    assert first.terms.place in (Place.EMBEDDED, Place.PACKAGE)
    # Of those that come with the program, figures on data of one's own are no published scores.
    rest = [entry for entry in entries if entry.scores or entry.terms.place is not Place.EMBEDDED]
    assert {entry.key for entry in entries if entry not in rest} <= {"depth-lite0", "conv-tasnet-small"}
    assert all(entry.scores for entry in rest[:40])
    measured = [bool(entry.scores) for entry in rest]
    assert measured == sorted(measured, reverse=True)
    # Those of a task that are to be got stand together.
    absent = [entry.spec.task for entry in entries if entry.scores and entry.terms.place is Place.ABSENT]
    assert len(set(absent)) == sum(one != other for one, other in zip(absent, [None, *absent], strict=False))
    assert tasks_of(entries) == tasks_of(tuple(reversed(entries)))


def test_the_programs_first_networks_stand_behind_those_that_took_their_place(entries):
    keys = [entry.key for entry in entries]
    for first, later in (("pyramid-lite0", "pyramid-5"), ("efficientnet-lite0", "residual-60")):
        assert keys.index(first) < 6
        # Also behind what is to be downloaded for the task, and in front of what has no score.
        task = MODELS[first].task
        assert keys.index("yolox-s" if task == "detect" else "convnext-tiny") < keys.index(later)
        assert all(not of(entries, key).scores for key in keys[keys.index(later) + 1 :] if MODELS[key].task == task)


@pytest.mark.parametrize("descending", [False, True], ids=["ascending", "descending"])
@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.key)
def test_what_nothing_is_known_of_comes_last_by_any_column_in_either_order(entries, column, descending):
    told = [column.text(entry) != "" for entry in ordered(entries, column, descending=descending)]
    assert told == sorted(told, reverse=True)


def test_what_was_published(entries):
    assert of(entries, "yolox-s").score == ("box mAP", 40.5)
    assert of(entries, "faster-rcnn-r50-v2").score == ("box mAP", 46.7)
    # On data of its own a figure has a name of its own, so that nobody compares it.
    assert set(of(entries, "pyramid-5").scores) == {"box mAP50 of 5 classes"}
    assert of(entries, "hog").score is None


def test_the_status_follows_the_disk_with_one_look_for_each_model(entries, monkeypatch):
    assert of(entries, "ssdlite").terms.place is Place.ABSENT
    folder = hub_folder()
    folder.mkdir(parents=True)
    (folder / MODELS["ssdlite"].weights[0].file_name).write_bytes(b"x")
    looked = []

    def counted(weights):
        looked.append(weights.file_name)
        return cached_path(weights)

    monkeypatch.setattr("cvstudio.weights.store.cached_path", counted)
    found = entries_of(MODELS)
    assert of(found, "ssdlite").terms.place is Place.HERE
    # What is built in or included in a library is not looked for at all.
    firsts = [model.weights[0] for model in MODELS if model.weights]
    assert len(looked) == sum(bool(weights.url or weights.packaged) for weights in firsts)


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (CatalogueFilter("yolox nano"), {"yolox-nano"}),
        (CatalogueFilter("FOCAL loss"), {"retinanet", "retinanet-v2"}),
        (CatalogueFilter("ren 2015 mobile"), {"faster-rcnn-mobile", "faster-rcnn-mobile-320"}),
        (CatalogueFilter(task="classify", family="Residual"), {"residual-60"}),
        (CatalogueFilter(place=Place.EMBEDDED), {"residual-60", "pyramid-5", "pyramid-lite0"}),
        (CatalogueFilter(licence="non-commercial"), {"residual-60", "pyramid-5", "pyramid-lite0"}),
        (CatalogueFilter("hog", licence="library"), {"hog"}),
        (CatalogueFilter("hog", licence="free"), set()),
        (CatalogueFilter("no such thing"), set()),
    ],
)
def test_search_and_filters(entries, wanted, keys):
    mine = [entry for entry in entries if entry.key in keys or not wanted.family]
    found = {entry.key for entry in mine if wanted.takes(entry)}
    assert keys <= found
    assert all(licence_kind(of(entries, key)) == wanted.licence for key in found if wanted.licence)
    if wanted.text:
        assert found == keys


def test_families_are_those_of_the_task(entries):
    assert "YOLO" in families(entries, "detect")
    assert "YOLO" not in families(entries, "classify")
    assert set(families(entries, "detect")) < set(families(entries))


def test_what_is_unknown_comes_last_in_either_order():
    rows = (toy("a", macs=3), toy("b"), toy("c", macs=9))
    column = BY_KEY["macs"]
    assert [entry.key for entry in ordered(rows, column)] == ["a", "c", "b"]
    assert [entry.key for entry in ordered(rows, column, descending=True)] == ["c", "a", "b"]
    assert [column.key for column in columns_of(["macs", "model"])] == ["macs", "model"]
    with pytest.raises(ColumnError, match="no column 'mac'; there are: model, key"):
        columns_of(["mac"])


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (912_159, "912 k"),
        (999_600, "1.00 M"),
        (43_000_000, "43.0 M"),
        (1_016_717_000_000, "1.02 T"),
        (25_557_032, "25.6 M"),
        (4_089_000_000, "4.09 G"),
        (141e9, "141 G"),
    ],
)
def test_large_numbers_in_three_figures(count, text):
    assert count_text(count) == text


def test_the_chart_shows_what_has_all_figures_and_names_the_rest():
    rows = (
        toy("small", score=20, macs=10**9, size=10**6, ms=4),
        toy("large", score=40, macs=10**11, size=10**8),
        toy("unscored", macs=10**9),
        toy("uncounted", score=30),
    )
    assert metrics(rows) == ("box mAP",)
    shown, without = bubbles(rows, "box mAP", Cost.MACS)
    assert [bubble.entry.key for bubble in shown] == ["large", "small"]
    assert [entry.key for entry in without] == ["unscored", "uncounted"]
    assert (shown[1].cost, shown[1].score, shown[1].size_bytes) == (1e9, 20, 1e6)
    measured, _ = bubbles(rows, "box mAP", Cost.MS)
    assert [(bubble.entry.key, bubble.cost) for bubble in measured] == [("small", 4)]
    assert cost_of(rows[0], Cost.PARAMETERS) == 1e7


def test_the_chart_compares_by_what_is_published_on_the_same_data(entries):
    assert "box mAP" in metrics(entries)
    shown, without = bubbles(entries, "box mAP", Cost.MACS)
    assert {"yolox-x", "ssd300", "fcos"} <= {bubble.entry.key for bubble in shown}
    assert {"pyramid-5", "hog", "haar-face"} <= {entry.key for entry in without}


def test_a_model_is_measured_as_it_is_used_and_remembered_for_this_device(entries):
    host = Host("cpu", precision="float32")
    found = measure(MODELS["residual-60"], host, Progress())
    assert found.what == "model"
    assert found.ms > 0
    assert known_speeds()[speed_key(MODELS["residual-60"], "cpu", "float32")] == found
    again = entries_of([MODELS["residual-60"]], "cpu", "float32")
    assert again[0].speed == found
    assert entries_of([MODELS["residual-60"]], "cuda", "float32")[0].speed is None
    host.close()


def test_without_its_weights_the_bare_network_is_measured_and_the_table_says_so():
    host = Host("cpu", precision="float32")
    assert measure(MODELS["yolox-nano"], host, Progress()).what == "network"
    (entry,) = entries_of([MODELS["yolox-nano"]], "cpu", "float32")
    assert BY_KEY["ms"].text(entry).startswith("≈ ")
    with pytest.raises(SpeedError, match="get them first"):
        measure(toy("a").spec, host, Progress())
    host.close()
