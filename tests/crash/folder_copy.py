# SPDX-License-Identifier: Apache-2.0
"""A folder that is made again and again."""
import os
import shutil


class FolderCopy:
    """What is in a folder and below it, in memory."""

    def __init__(self, folder):
        self.entries = []  # (path below it, mode, bytes; None: a folder), a folder before what is in it
        self._read(str(folder), "")

    def _read(self, folder, below):
        for entry in os.scandir(folder):
            mode = entry.stat().st_mode & 0o777
            if entry.is_dir():
                self.entries.append((below + entry.name, mode, None))
                self._read(entry.path, f"{below}{entry.name}/")
            else:
                with open(entry.path, "rb", buffering=0) as file:
                    self.entries.append((below + entry.name, mode, file.read()))

    @property
    def files(self):
        """Their bytes, by path below the folder."""
        return {name: data for name, _, data in self.entries if data is not None}

    def write_to(self, folder):
        """In place of what is there."""
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for name, mode, data in self.entries:
            path = f"{folder}/{name}"
            if data is None:
                os.mkdir(path, mode)
                continue
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            try:
                if os.write(file, data) != len(data):
                    raise OSError(f"{path} was not written whole")
            finally:
                os.close(file)
