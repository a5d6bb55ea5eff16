"""Korean names of the commands, by which the palette finds them."""

from __future__ import annotations

from collections.abc import Mapping

KOREAN: Mapping[str, tuple[str, ...]] = {
    "open-folder": ("폴더 열기",),
    "open-labels": ("라벨 열기", "어노테이션 열기"),
    "open-labels-folder": ("라벨 폴더 열기",),
    "own-model": ("모델 추가", "내 모델"),
    "timm": ("분류 모델 찾기", "사전 학습 모델"),
    "paste": ("붙여넣기",),
    "project-open": ("프로젝트 열기",),
    "project-save": ("프로젝트 저장",),
    "project-save-as": ("다른 이름으로 저장",),
    "export-again": ("다시 내보내기",),
    "quit": ("종료", "끝내기"),
    "actual-size": ("실제 크기", "100% 보기"),
    "compare-with": ("비교", "모델 비교"),
    "compare-way": ("나란히 비교", "분할 비교"),
    "precision-auto": ("연산 정밀도", "자동 정밀도"),
    "precision-float32": ("연산 정밀도", "단정밀도"),
    "precision-bfloat16": ("연산 정밀도", "반정밀도"),
    "next-step": ("다음 단계",),
    "previous-step": ("이전 단계",),
    "masks": ("마스크 보기", "마스크 숨기기"),
    "panels": ("패널 숨기기", "패널 보기"),
    "layout": ("패널 초기화", "레이아웃 초기화"),
    "theme-system": ("시스템 테마",),
    "next-file": ("다음 파일",),
    "previous-file": ("이전 파일",),
    "search-folder": ("폴더 검색",),
    "media-layout": ("목록 보기", "격자 보기"),
    "refresh-folder": ("새로 고침",),
    "step-on": ("다음 프레임",),
    "step-back": ("이전 프레임",),
    "smooth": ("부드러운 재생", "정확한 재생"),
    "snapshot": ("프레임 저장", "스냅샷"),
    "record-discard": ("녹화 취소",),
    "start": ("처음으로",),
    "end": ("끝으로",),
    "palette": ("명령 검색",),
    "welcome": ("시작 화면",),
}
"""Words by the key of a command, beside those that it declares itself."""
