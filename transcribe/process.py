"""What a process of ours shows of its memory: nothing. A consult is in it, in the clear."""

from __future__ import annotations

import os
import sys

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>


def close_up() -> None:
    """No core dump, for this process and those it starts; on Linux no other process of the same user may look inside.

    The limit alone is not enough: a handler that the kernel pipes core dumps to gets them whatever the limit.
    """
    if os.name != "posix":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
