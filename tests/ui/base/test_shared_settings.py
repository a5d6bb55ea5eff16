"""Programs that run beside each other keep what the other has added to the settings."""

from __future__ import annotations

import subprocess
import sys

from ui.base.settings import Settings

ADDS = """
import sys
from ui.base.settings import Settings
name, settings = sys.argv[1], Settings()
print("ready", flush=True)
sys.stdin.readline()
for number in range(6):
    settings.add_recent(f"/{name}/{number}")
    settings.set(f"shared/{name}", str(number))
settings.add_recent_command(name)
print(len(settings.recent), flush=True)
sys.stdin.readline()
settings.add_recent(f"/{name}/late")
settings.forget_recent({f"/{name}/0"})
"""


def test_two_programs_keep_each_others_recent_files() -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", ADDS, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        for name in ("one", "two")
    ]

    def all_go_on() -> None:
        for program in programs:
            assert program.stdin is not None
            program.stdin.write("\n")
            program.stdin.flush()

    def all_tell() -> list[str]:
        return [program.stdout.readline().strip() for program in programs if program.stdout is not None]

    assert all_tell() == ["ready", "ready"]  # both have read the settings
    all_go_on()
    assert all(int(count) >= 6 for count in all_tell())
    all_go_on()
    for program in programs:
        program.communicate(timeout=60)
        assert program.returncode == 0
    settings = Settings()
    names = [*range(1, 6), "late"]
    assert set(settings.recent) == {f"/{program}/{name}" for program in ("one", "two") for name in names}
    assert set(settings.recent_commands) == {"one", "two"}
    assert [settings.text(f"shared/{name}", "") for name in ("one", "two")] == ["5", "5"]
