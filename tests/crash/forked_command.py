# SPDX-License-Identifier: Apache-2.0
"""The command with its interposer, loaded once and forked for every run (fork_server.hpp)."""
import os
import struct
import subprocess

ANSWER = struct.Struct("<iIII")  # struct Answer of fork_server.cpp


class Run:
    def __init__(self, status, timed_out, stdout, stderr):
        self.returncode = os.waitstatus_to_exitcode(status)
        self.timed_out, self.stdout, self.stderr = bool(timed_out), stdout.decode(), stderr.decode()


class ForkedCommand:
    """One run at a time. To be closed."""

    def __init__(self, command, interposer):
        # On one thread: a process that has several cannot be forked. What is bound once is not bound by every fork.
        environment = dict(os.environ, LD_PRELOAD=str(interposer), RECANT_FORK_SERVER="1", OMP_NUM_THREADS="1", LD_BIND_NOW="1")
        self.server = subprocess.Popen([command], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def close(self):
        self.server.stdin.close()
        self.server.stdout.close()
        self.server.wait()

    def run(self, *arguments, seconds=120, **variables):
        """Killed after so many seconds; variables are set for it, unless they are None."""
        texts = [repr(float(seconds)), *(f"{name}={value}" for name, value in variables.items() if value is not None), "",
                 *map(str, arguments)]
        request = b"".join(text.encode() + b"\0" for text in texts)
        self.server.stdin.write(struct.pack("<I", len(request)) + request)
        self.server.stdin.flush()
        status, timed_out, output, error = ANSWER.unpack(self._read(ANSWER.size))
        return Run(status, timed_out, self._read(output), self._read(error))

    def _read(self, size):
        data = self.server.stdout.read(size)
        if len(data) != size:
            raise RuntimeError("the process that is forked for every run has ended")
        return data
