"""What a process has in memory includes its children, and what they share is counted once."""

import os
import subprocess
import sys

from wireroom.local import process_memory

MB = 1024 * 1024
PARENT = f"""
import os, sys, time
block = bytes(range(256)) * {60 * MB // 256}
for _ in range(3):
    if os.fork() == 0:
        time.sleep(60)
        os._exit(0)
print("forked", flush=True)
sys.stdin.read()
os.killpg(0, 9)
"""


def test_pages_that_children_share_are_counted_once() -> None:
    command = [sys.executable, "-c", PARENT]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"forked\n"
        size = process_memory.resident(parent.pid)
        parent.communicate(b"")
    assert size
    assert 60 * MB < size < 120 * MB, "four processes of 60 MB, were each counted alone"


def test_a_process_that_is_gone_has_no_size() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert process_memory.resident(gone.pid) is None
    assert (process_memory.resident(os.getpid()) or 0) > MB
