"""The palette: the words of the course lead where they should, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from cvstudio.foundation.text_search import ranked
from ui.window.main_window import MainWindow
from ui.window.palette import Entry


@pytest.fixture(scope="module")
def entries(qapp) -> Iterator[list[Entry]]:
    made = MainWindow()
    yield made.palette_entries()
    made.close()
    made.deleteLater()


TERMS = {
    "analysis:detect": (
        "object detection, detect, detector, detection, bounding box, confidence, score threshold, find objects, "
        "객체 검출, 물체검출, 바운딩 박스"
    ),
    "analysis:suppression": (
        "NMS, non-maximum suppression, IoU, intersection over union, step by step, 비최대 억제, duplicates"
    ),
    "analysis:anchors": "anchors, anchor boxes, default boxes, proposals, RPN, region proposals, objectness, 앵커",
    "command:next-step": "next step",
    "analysis:classify": (
        "classification, classify, softmax, logits, top-5, temperature scaling, calibration, open set, "
        "image recognition, 분류, 이미지 분류"
    ),
    "analysis:refocus": (
        "refocus, depth of field, DOF, bokeh, D_min, Dmax, Gaussian blur, depth map, tilt-shift, portrait mode, 심도"
    ),
    "analysis:spectrogram": (
        "spectrogram, spectogram, STFT, FFT, Fourier transform, frequency, audio, hop length, Hann, 스펙트로그램, "
        "푸리에 변환, 주파수"
    ),
    "analysis:separate": (
        "source separation, speech separation, cocktail party, speech enhancement, stems, 음원 분리, 화자 분리"
    ),
    "model:separate/dprnn-wham": "DPRNN",
    "model:separate/gtcrn-dns3": "GTCRN",
    "model:detect/hog": "SVM, pedestrian, sliding window, 보행자",
    "model:detect/haar-face": "face detection, Haar, Viola-Jones, AdaBoost, integral image, cascade, 얼굴 검출",
    "model:detect/haar-eyes": "eye detection, eyes",
    "model:detect/haar-plate": "number plate, license plate, 번호판",
    "model:detect/ssdlite": "SSDlite",
    "model:detect/pyramid-5": "instance segmentation, YOLACT, 인스턴스 분할",
    "model:classify/residual-60": "ResNet, skip connection, residual network, Tiny ImageNet, 잔차 신경망",
    "model:classify/timm-legacy_senet154.in1k": "SENet, squeeze-and-excitation, channel attention",
    "command:timm": "timm, PyTorch Image Models",
    "model:classify/alexnet": "AlexNet, dropout, 알렉스넷",
    "model:classify/vgg11": "VGG, VGGNet",
    "model:classify/googlenet": "GoogLeNet, Inception v1, 1x1 convolution, 구글넷",
    "model:classify/inception-v3": "Inception v3, label smoothing",
    "model:classify/resnext50-32x4d": "ResNeXt, cardinality",
    "model:classify/wide-resnet50-2": "wide residual network",
    "model:classify/densenet121": "DenseNet, dense block, 덴스넷",
    "model:classify/squeezenet1-0": "SqueezeNet, fire module, 스퀴즈넷",
    "model:classify/mobilenet-v2": "MobileNet, inverted residual, depthwise separable convolution, 모바일넷",
    "model:classify/shufflenet-v2-x0-5": "ShuffleNet, channel shuffle",
    "model:classify/efficientnet-lite0": "EfficientNet, 이피션트넷",
    "model:classify/efficientnet-b0": "compound scaling, MBConv",
    "model:classify/regnet-x-400mf": "RegNet, design space",
    "model:classify/vit-b-16": "vision transformer, ViT, patch embedding, 비전 트랜스포머",
    "model:classify/swin-t": "Swin transformer, shifted windows",
    "model:classify/convnext-tiny": "ConvNeXt",
    "analysis:knn": (
        "k-NN, nearest neighbor, similar images, image retrieval, L1 distance, cosine similarity, 최근접 이웃"
    ),
    "analysis:attention": "attention, cross-attention, self-attention, attention map, object query, 어텐션",
    "model:detect/detr-resnet-50": "DETR, detection transformer, bipartite matching",
    "panel:training": (
        "training, transfer learning, fine-tuning, knowledge distillation, data augmentation, pseudo-labels, "
        "self-training, learning curve, 전이 학습, 지식 증류"
    ),
    "panel:layers": "layers, overlay opacity, 레이어",
    "panel:catalogue": "all models, model zoo, model catalogue, receptive field, FLOPs, MACs, 수용 영역, 모델 목록",
    "panel:performance": "performance, fps, latency, memory, 성능",
    "panel:look": "line width, viridis, colour map",
    "panel:jobs": "progress",
    "panel:adjust": "조정, 밝기, 자르기",
    "panel:measure": "측정, 정확도",
    "panel:labels": "라벨링",
    "panel:batch": "batch, whole folder, 일괄 처리, 배치",
    "panel:counts": "counts, how many, 개수",
    "panel:comparison": "일치도",
    "panel:media": "list of files, 파일 목록",
    "panel:analysis": "분석",
    "command:export-labels": "라벨 내보내기, 레이블 내보내기",
    "format:png": "PNG, annotated image",
    "format:mp4": "MP4, annotated video",
    "format:csv": "CSV, spreadsheet, Excel",
    "command:export": "export, save result, 내보내기",
    "command:theme-dark": "dark theme, dark mode, 다크 모드",
    "command:full-screen": "full screen, fullscreen, 전체 화면",
    "command:open": "open, 열기",
    "command:undo": "undo, 되돌리기",
    "command:compare": "compare, before after, original, 비교",
    "command:compare-with": "compare models, compare two models, compare settings, side by side, A/B, 비교하기",
    "command:compare-way": "split line",
    "command:shortcuts": "shortcuts, keyboard, 단축키",
}


@pytest.mark.parametrize(
    ("term", "target"), [(term.strip(), target) for target, terms in TERMS.items() for term in terms.split(",")]
)
def test_a_term_of_the_course_leads_there(entries, term, target):
    found = ranked(entries, term)
    assert found, f"nothing for '{term}'"
    assert found[0].key == target, [entry.key for entry in found[:4]]


MAY_COME = {
    "HOG": "HOG",
    "Grad-CAM": "Grad-CAM",
    "class activation map": "Grad-CAM",
    "SSD300": "SSD300",
    "Faster R-CNN": "Faster R-CNN",
    "RetinaNet": "RetinaNet",
    "focal loss": "RetinaNet",
}


@pytest.mark.parametrize(("term", "title"), MAY_COME.items())
def test_what_is_registered_under_a_name_is_found_by_it_and_else_nothing_is(entries, term, title):
    there = any(title in entry.title for entry in entries)
    found = ranked(entries, term)
    assert (title in found[0].title) if there and found else not there, [entry.title for entry in found[:3]]


@pytest.mark.parametrize(
    "term",
    [
        "NeRF",
        "GAN",
        "style transfer",
        "super-resolution",
        "t-SNE",
        "word2vec",
        "Mesh R-CNN",
        "optical flow",
        "image captioning",
        "VQA",
        "CRF",
        "autoencoder",
        "diffusion",
        "LSTM",
        "face recognition",
        "no such thing at all",
        "생성 모델",
        "옵티컬 플로우",
    ],
)
def test_what_does_not_exist_leads_nowhere(entries, term):
    assert [entry.title for entry in ranked(entries, term)] == []


def test_every_entry_is_found_first_by_its_own_title_and_has_a_key_of_its_own(entries):
    assert len({entry.key for entry in entries}) == len(entries)
    for entry in entries:
        assert ranked(entries, entry.title)[0].title == entry.title


# In the window -----------------------------------------------------------------------------------------------------


def test_a_click_on_the_search_opens_the_palette_and_enter_runs_the_first(window, qtbot):
    QTest.mouseClick(window.top.search, Qt.MouseButton.LeftButton)
    palette = window.findChild(type(window.show_palette()))
    QTest.keyClicks(palette.search, "perfor")
    assert palette.list.item(0).text() == "Performance"
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.docks["performance"].isVisible())
    assert window.settings.recent_commands == ["panel:performance"]
    for child in window.findChildren(type(palette)):
        child.close()


def test_what_was_used_last_is_on_top_also_after_a_restart(window, qtbot):
    window.settings.add_recent_command("command:fit")
    window.settings.add_recent_command("analysis:spectrogram")
    palette = window.show_palette()
    titles = [palette.list.item(row).text() for row in range(3)]
    assert titles[:2] == ["Spectrogram", "Zoom to Fit"]
    palette.close()


def test_arrows_go_round_and_a_search_without_hits_says_so(window):
    palette = window.show_palette()
    palette.search.setText("theme")
    count = palette.list.count()
    assert count >= 3
    QTest.keyClick(palette.search, Qt.Key.Key_Up)
    assert palette.list.currentRow() == count - 1
    QTest.keyClick(palette.search, Qt.Key.Key_Down)
    assert palette.list.currentRow() == 0
    palette.search.setText("qqqqqqq")
    assert "No match" in palette.list.item(0).text()
    QTest.keyClick(palette.search, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.close()


def test_shortcuts_are_shown(window):
    entries = {entry.key: entry for entry in window.palette_entries()}
    assert entries["command:export"].shortcut == "Ctrl+E"
    assert entries["panel:layers"].shortcut == "Ctrl+Alt+7"


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("own", "Add Your Own Model"),
        ("depth", "Depth refocusing"),
        ("zoom", "Zoom to Fit"),
        ("zoom in", "Zoom In"),
        ("theme", "System Theme"),
        ("detect", "Object detection"),
        ("class", "Image classification"),
        ("saliency", "Saliency map"),
        ("export", "Export"),
        ("save", "Save Project"),
        ("camera", "Open Camera"),
    ],
)
def test_titles_lead_and_texts_follow(entries, query, title):
    found = ranked(entries, query)
    assert title in [entry.title for entry in found[:3]]
    assert query.split()[0] in found[0].title.casefold()


def test_what_the_program_does_is_found_in_korean(window: MainWindow) -> None:
    # Models have names of their own; layers, readings and open files come and go.
    kinds = ("analysis:", "command:", "format:", "panel:", "recipe:")
    entries = [entry for entry in window.palette_entries() if entry.key.startswith(kinds)]
    assert {entry.key.partition(":")[0] + ":" for entry in entries} == set(kinds)
    korean = re.compile("[가-힣]")
    silent = [entry.title for entry in entries if not any(korean.search(word) for word in entry.keywords)]
    assert silent == []
