"""Evaluation of a model on a labelled set: its predictions, from the network or from disk, against the labels."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cvstudio.analyses import ANALYSES
from cvstudio.analyses.instance import AnalysisInstance
from cvstudio.data.class_numbers import renumbered
from cvstudio.data.labels import LabelledSet, LeftOut, PictureLabels
from cvstudio.evaluation.class_mapping import ClassMapping, read_pairs, suggested_mapping
from cvstudio.evaluation.comparers import (
    Comparer,
    KeypointComparer,
    ObjectComparer,
    PictureComparer,
    PixelComparer,
)
from cvstudio.evaluation.evaluation import Evaluation, ObjectFigures
from cvstudio.evaluation.measured_files import MeasuredReader, measured_files
from cvstudio.evaluation.prediction_store import PredictionStore
from cvstudio.evaluation.predictions import MOST_OBJECTS, PicturePrediction, labels_of, prediction_of
from cvstudio.evaluation.truth import has_outline
from cvstudio.foundation.cache import Cache
from cvstudio.foundation.concurrency import map_ordered, prefetch
from cvstudio.foundation.errors import BindingError, MediaError
from cvstudio.foundation.progress import PartProgress, Progress
from cvstudio.media import Media
from cvstudio.media.annotations import ANNOTATION_FORMATS, annotation_format
from cvstudio.media.reader_pool import sample_key
from cvstudio.models import MODELS
from cvstudio.models.runtime.cpu_threads import cores_shared, frames_at_once, share_cores
from cvstudio.models.runtime.precision import RequestedPrecision
from cvstudio.running.runner import Runner, make_instance

CACHE_BYTES = 64 << 20
"""Outputs of stages that are kept in memory: a picture is looked at once."""


def read_labelled(path: Path, format_key: str = "") -> LabelledSet:
    """Read the labelled set at `path`.

    Parameters
    ----------
    format_key : key of the `AnnotationFormat`; empty tells it by the content

    Raises
    ------
    UserError
        There is none, or it cannot be read.
    """
    entry = ANNOTATION_FORMATS[format_key] if format_key else annotation_format(path)
    return entry.read(path)


@dataclass(frozen=True)
class EvaluationPlan:
    """What is measured, and how.

    Parameters
    ----------
    model : key of the model
    weights : a local checkpoint; None takes the one that the user has chosen, or the published one
    score : score threshold; None takes that of the model
    mapping : category by label where names differ from what `suggested_mapping` says; None takes a label's category
        away
    classes : names of the categories that are measured; empty takes those that the model knows
    every_class : whether categories that the model does not know are measured, too: as missed
    limit : most pictures, the first of the set; None is all
    device, precision : as in `Runner`; "auto" computes as published, so that figures do not depend on the machine
    values : parameters of the analysis and the model by name
    """

    model: str
    weights: Path | None = None
    score: float | None = None
    mapping: Mapping[str, str | None] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    every_class: bool = False
    limit: int | None = None
    device: str = "auto"
    precision: RequestedPrecision = "auto"
    values: Mapping[str, Any] = field(default_factory=dict)


def mapping_of(labels: Sequence[str], labelled: LabelledSet, changes: Mapping[str, str | None]) -> ClassMapping:
    """The suggested mapping with the user's `changes`. Raises ParamsError."""
    mapping = suggested_mapping(labels, [category.name for category in labelled.categories])
    for label, category in changes.items():
        mapping = mapping.with_pair(label, category)
    return mapping


def measure(
    plan: EvaluationPlan,
    labelled: LabelledSet,
    progress: Progress | None = None,
    *,
    notice: Callable[[str], None] | None = None,
    store_folder: Path | None = None,
) -> Evaluation:
    """Measure a model on a labelled set.

    Predictions are kept on disk: what was stopped goes on where it was, and the next call with another score, overlap
    or mapping needs no network.

    Parameters
    ----------
    notice : told what the user should know, such as that the network is computed otherwise than asked
    store_folder : where predictions are kept; None for the user's cache

    Raises
    ------
    UserError
        The model or the set cannot be used, or they have nothing in common.
    """
    with Runner(
        device=plan.device,
        precision=plan.precision,
        measure=False,
        cache=Cache(budget_bytes=CACHE_BYTES),
        notice=notice,
    ) as runner:
        return _Run(plan, labelled, runner, progress or Progress(), store_folder, notice).evaluation()


def evaluate(
    model: str,
    data: str | Path | LabelledSet,
    *,
    format_key: str = "",
    mapping: str | Path | Mapping[str, str | None] | None = None,
    progress: Progress | None = None,
    **plan: Any,
) -> Evaluation:
    """Measure a model on a labelled set.

    Parameters
    ----------
    model : key, e.g. "pyramid-lite0"
    data : file or folder of the labels, or labels that are open
    format_key : key of the format of the labels; empty tells it by the content
    mapping : category by label of the model where their names differ, or a JSON file with it
    plan : fields of `EvaluationPlan`, such as score, limit, device or weights

    Raises
    ------
    UserError
        With one sentence that says what was expected, what was found and what to do.

    Examples
    --------
    >>> import cvstudio
    >>> cvstudio.evaluate("pyramid-lite0", "labels.json").summary()["Boxes AP50"]  # doctest: +SKIP
    """
    labelled = data if isinstance(data, LabelledSet) else read_labelled(Path(data), format_key)
    pairs = read_pairs(Path(mapping)) if isinstance(mapping, str | Path) else mapping or {}
    return measure(EvaluationPlan(model, mapping=pairs, **plan), labelled, progress)


class _Run:
    """One evaluation."""

    def __init__(
        self,
        plan: EvaluationPlan,
        labelled: LabelledSet,
        runner: Runner,
        progress: Progress,
        store_folder: Path | None,
        notice: Callable[[str], None] | None,
    ) -> None:
        self._plan, self._labelled, self._runner, self._progress = plan, labelled, runner, progress
        self._model = MODELS[plan.model]
        analysis = next((item for item in ANALYSES if item.takes(self._model)), None)
        if analysis is None:
            raise BindingError(f"No analysis takes the model '{plan.model}'; choose one of `cvstudio list`.")
        self._slot = analysis.main_slot.name
        self._left_out: list[LeftOut] = []
        self._files = measured_files(labelled)
        self._times: dict[str, float] = {}
        self._names = [*self._files][: plan.limit]
        missing = len(labelled.names) - len(self._files)
        if missing:
            self._left_out.append(LeftOut("The file of the picture cannot be found.", count=missing))
        first = self._first_picture()
        self._template = make_instance(
            analysis.key, {self._slot: first}, model=plan.model, weights=plan.weights, values=plan.values
        )
        self._with_masks = self._has_outlines()
        self._key = (
            *runner.host.network_key(self._model, self._template.weights),
            *sorted((name, str(value)) for name, value in self._template.effective_values().items() if name != "score"),
            MOST_OBJECTS,
            self._with_masks,
        )
        self._store_folder, self._notice = store_folder, notice
        self._same_class: dict[int, int] = {}

    def _first_picture(self) -> Media:
        with MeasuredReader(self._runner.cache) as reader:
            for name in self._names:
                try:
                    return reader.open(self._files[name])[0]
                except MediaError:
                    continue
        where = self._labelled.path.name if self._labelled.path is not None else "the labels"
        raise MediaError(
            f"None of the {len(self._labelled.names)} pictures of {where} can be opened; put the pictures beside the "
            f"labels."
        )

    def _has_outlines(self) -> bool:
        """Whether any object of the set has an outline, so that masks are worth keeping."""
        if self._model.task != "detect":
            return False
        for name in self._names:
            self._progress(None, "looking for outlines")
            try:
                if any(map(has_outline, self._labelled.labels(name).annotations)):
                    return True
            except MediaError:
                continue
        return False

    def evaluation(self) -> Evaluation:
        with PredictionStore(self._key, self._store_folder, self._notice) as store:
            labels = store.labels()
            if labels is None:
                labels = labels_of(self._result(self._template, None))
                store.put_labels(labels)
            score = self._score()
            comparer, mapping, measured = self._comparer(labels)
            names = []
            for number, (name, prediction) in enumerate(self._predictions(store), 1):
                self._progress(number / len(self._names), f"picture {number:,} of {len(self._names):,}")
                reason = prediction if isinstance(prediction, str) else self._add(comparer, name, prediction)
                if reason:
                    self._left_out.append(LeftOut(reason, name))
                else:
                    names.append(name)
        if not names:
            reasons = Counter(item.reason for item in self._left_out if item.where)
            raise MediaError(f"No picture could be measured: {reasons.most_common(1)[0][0]}")
        measures = comparer.build()
        categories = mapping.categories
        return Evaluation(
            self._model.key,
            self._model.title,
            self._labelled.path.name if self._labelled.path is not None else "",
            self._labelled.categories,
            mapping,
            measured,
            tuple(names),
            {name: self._files[name].path for name in names},
            score,
            {form: ObjectFigures(form, overlaps, categories) for form, overlaps in measures.objects.items()},
            measures.classification,
            measures.semantic,
            measures.panoptic,
            tuple(self._left_out),
            {name: self._times[name] for name in names if name in self._times},
        )

    def _score(self) -> float:
        if self._plan.score is not None:
            return self._plan.score
        values = self._template.effective_values()
        return float(values.get("score", 0.0))

    def _comparer(self, labels: tuple[str, ...]) -> tuple[Comparer, ClassMapping, tuple[int, ...]]:
        categories = self._labelled.categories
        panoptic = self._labelled.format == "coco-panoptic" or any(not item.is_thing for item in categories)
        if self._model.task == "keypoints":
            points = KeypointComparer(labels, categories)
            name = categories[points.category].name
            mapping = ClassMapping((name,), tuple(item.name for item in categories), {name: name})
            return points, mapping, (points.category,)
        mapping = mapping_of(labels, self._labelled, self._plan.mapping)
        chosen = self._measured(mapping)
        self._same_class = {index: first for index, first in enumerate(mapping.firsts) if first != index}
        measured = np.isin(np.arange(len(categories)), chosen)
        comparers: dict[str, Callable[[], Comparer]] = {
            "detect": lambda: ObjectComparer(mapping, measured, panoptic=panoptic),
            "segment": lambda: PixelComparer(mapping, measured, panoptic=panoptic),
            "classify": lambda: PictureComparer(mapping, measured),
        }
        if self._model.task not in comparers:
            raise BindingError(f"Models for {self._model.task} cannot be compared with labels yet; choose another one.")
        return comparers[self._model.task](), mapping, chosen

    def _measured(self, mapping: ClassMapping) -> tuple[int, ...]:
        """Indices of the categories that are measured. Raises BindingError."""
        names = mapping.categories
        if self._plan.classes:
            unknown = [name for name in self._plan.classes if name not in names]
            if unknown:
                raise BindingError(
                    f"The labelled set has no class '{unknown[0]}'; it has: {', '.join(names[:20])}"
                    f"{' …' if len(names) > 20 else ''}."
                )
            return tuple(index for index in mapping.distinct if names[index] in self._plan.classes)
        if not mapping.pairs:
            raise BindingError(
                f"The model and the labelled set have no class in common: the model has {_some(mapping.labels)}, the "
                f"set {_some(names)}; say which label stands for which class with a mapping."
            )
        return mapping.distinct if self._plan.every_class else mapping.known

    def _add(self, comparer: Comparer, name: str, prediction: PicturePrediction) -> str:
        """Compare a prediction with the labels. Returns why the picture is left out; empty where it is not."""
        try:
            labels: PictureLabels = self._labelled.labels(name)
        except MediaError as error:
            return str(error)
        if labels.size is not None and labels.size != prediction.size:
            return (
                f"The labels are for {labels.size.width} x {labels.size.height} pixels, and the picture has "
                f"{prediction.size.width} x {prediction.size.height}."
            )
        return comparer.add(renumbered(labels, self._same_class) if self._same_class else labels, prediction)

    # Predictions ----------------------------------------------------------------------------------------------------

    def _result(self, instance: AnalysisInstance, pts: float | None) -> Any:
        return self._runner.result(instance, PartProgress(self._progress, None), pts=pts)

    def _predictions(self, store: PredictionStore) -> Iterator[tuple[str, PicturePrediction | str]]:
        """The prediction for each picture, in order, or why there is none. Pictures are decoded ahead, and on a CPU
        several networks may run, as in `Runner.frames`."""

        def decoded() -> Iterator[tuple[str, PicturePrediction | AnalysisInstance | str]]:
            with MeasuredReader(self._runner.cache) as reader:
                for name in self._names:
                    yield name, self._stored_or_decoded(store, name, reader)

        def analyse(
            item: tuple[str, PicturePrediction | AnalysisInstance | str],
        ) -> tuple[str, PicturePrediction | str]:
            name, work = item
            if not isinstance(work, AnalysisInstance):
                return name, work
            prediction = prediction_of(self._result(work, self._times.get(name)), with_masks=self._with_masks)
            store.put(self._files[name], prediction)
            return name, prediction

        streams = frames_at_once(self._model, self._runner.host)
        with prefetch(decoded(), depth=2) as items:
            if streams == 1:
                yield from map(analyse, items)
                return
            # The first runs alone, so that the network is not loaded by two threads at once.
            yield from map(analyse, itertools.islice(items, 1))
            with cores_shared():
                yield from map_ordered(items, analyse, streams, begin=lambda: share_cores(streams))

    def _stored_or_decoded(
        self, store: PredictionStore, name: str, reader: MeasuredReader
    ) -> PicturePrediction | AnalysisInstance | str:
        file = self._files[name]
        stored = store.get(file)
        if stored is not None and file.frame is None:
            return stored
        try:
            media, pts = reader.open(file)
            if pts is not None:
                self._times[name] = pts
            if stored is not None:
                return stored
            sample = reader.read(media, pts)
            _ = sample.rgb8  # converted here, where nobody waits
        except MediaError as error:
            return str(error)
        self._runner.cache.put(sample_key(media, pts), sample)
        return self._template.on(media)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
