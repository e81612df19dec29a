# SPDX-License-Identifier: Apache-2.0
"""What a disk may hold when power fails, from the log that fault_interposer.cpp keeps.

Durable is what was synced: of a file its bytes as of its last sync, of a folder the names as of its
last sync (fdatasync of a folder counts as fsync: file systems write the whole of it). Of everything
later any part may be there: each write whole, torn at a border of 512 or 4096 bytes or not at all, in
any order; each change of a name or not. A name may so lead to a file without its bytes, and bytes may
have no name. A file that was mapped for writing (SQLite's -shm) may hold anything.

    disk = Disk(folder)            # as it was before the log began: all of it is durable
    for operation in read_log(file): disk.apply(operation)
    disk.power_loss(draw).write_to(other)
"""
import os
import struct
from pathlib import Path

RECORD = struct.Struct("<IBHHQI")  # struct Record of fault_interposer.cpp
(CREATE, WRITE, TRUNCATE, SYNC, RENAME, EXCHANGE, UNLINK, MKDIR, RMDIR, LINK, MAP, MESSAGE) = range(1, 13)


class Operation:
    __slots__ = ("number", "kind", "path", "other", "at", "data")

    def __init__(self, number, kind, path, other, at, data):
        self.number, self.kind, self.path, self.other, self.at, self.data = number, kind, path, other, at, data


def read_log(file):
    data, at, operations = Path(file).read_bytes(), 0, []
    while at + RECORD.size <= len(data):
        number, kind, path, other, place, size = RECORD.unpack_from(data, at)
        at += RECORD.size
        texts = []
        for length in (path, other):
            texts.append(os.path.normpath(data[at:at + length].decode()) if length else "")
            at += length
        if at + size > len(data):
            break  # the last one, of a process that was killed while it wrote it down
        operations.append(Operation(number, kind, *texts, place, data[at:at + size]))
        at += size
    return operations


def changed(content, change, size=None):
    """Bytes after a change: (offset, bytes), or (size, None) for a truncation."""
    at, data = change
    if data is None:
        del content[at:]
        content.extend(bytes(max(0, at - len(content))))
        return
    data = data if size is None else data[:size]
    content.extend(bytes(max(0, at + len(data) - len(content))))
    content[at:at + len(data)] = data


class File:
    def __init__(self, content=b""):
        self.content, self.durable, self.pending = bytearray(content), bytearray(content), []
        self.mapped = False

    def change(self, change):
        changed(self.content, change)
        self.pending.append(change)

    def sync(self):
        self.durable, self.pending = bytearray(self.content), []

    def after_power_loss(self, draw):
        if self.mapped:
            return draw.choice([b"", draw.randbytes(32768), bytes(self.content)])
        content = bytearray(self.durable)
        how = draw.choice(["none", "all", "first", "some", "reordered"])
        kept = list(self.pending)
        if how == "none":
            kept = []
        elif how == "first":
            kept = kept[:draw.randint(0, len(kept))]
        elif how in ("some", "reordered"):
            kept = [change for change in kept if draw.random() < 0.5]
        if how == "reordered":
            draw.shuffle(kept)
        for i, change in enumerate(kept):
            size = None
            if change[1] is not None and how != "all" and draw.random() < (0.25 if i + 1 < len(kept) else 0.5):
                border = draw.choice([512, 4096])  # of the file: where sectors and pages end
                end = (change[0] + draw.randint(0, len(change[1]))) // border * border
                size = max(0, end - change[0])
            changed(content, change, size)
        return bytes(content)


class Folder:
    def __init__(self):
        self.names, self.durable, self.pending = {}, {}, []

    def change(self, *changes):
        """Names and what they lead to, None for nothing; together or not at all."""
        for name, node in changes:
            self._set(self.names, name, node)
        self.pending.append(changes)

    @staticmethod
    def _set(names, name, node):
        if node is None:
            names.pop(name, None)
        else:
            names[name] = node

    def sync(self):
        self.durable, self.pending = dict(self.names), []

    def after_power_loss(self, draw):
        names = dict(self.durable)
        how = draw.choice(["none", "all", "first", "some"])
        kept = {"none": [], "all": self.pending, "first": self.pending[:draw.randint(0, len(self.pending))],
                "some": [changes for changes in self.pending if draw.random() < 0.5]}[how]
        for changes in kept:
            for name, node in changes:
                self._set(names, name, node)
        return names


class Disk:
    """The part of a disk below `root`, whose own name is taken for durable."""

    def __init__(self, root):
        self.root = Path(os.path.normpath(root))
        self.top = self._read(self.root)

    def _read(self, path):
        if path.is_file():
            return File(path.read_bytes())
        folder = Folder()
        for entry in path.iterdir():
            folder.names[entry.name] = self._read(entry)
        folder.sync()
        return folder

    def _find(self, path):
        node = self.top
        for part in Path(path).relative_to(self.root).parts:
            node = node.names.get(part) if isinstance(node, Folder) else None
        return node

    def _place(self, path):
        """The folder that has this name, and the name."""
        return self._find(os.path.dirname(path)), os.path.basename(path)

    def _inside(self, path):
        return path == str(self.root) or path.startswith(str(self.root) + "/")

    def content(self, path):
        """The bytes of a file, if one has this name."""
        node = self._find(path) if self._inside(path) else None
        return bytes(node.content) if isinstance(node, File) else None

    def apply(self, operation):
        kind, path = operation.kind, operation.path
        if kind == MESSAGE or path.endswith(" (deleted)") or not self._inside(path):
            return  # a file without a name is gone when power fails
        node = self._find(path)
        folder, name = self._place(path) if path != str(self.root) else (None, None)
        if kind == CREATE:
            folder.change((name, File()))
        elif kind == WRITE:
            node.change((operation.at, operation.data))
        elif kind == TRUNCATE:
            node.change((operation.at, None))
        elif kind == SYNC:
            node.sync()
        elif kind == MAP:
            node.mapped = True
        elif kind == MKDIR:
            folder.change((name, Folder()))
        elif kind in (UNLINK, RMDIR):
            folder.change((name, None))
        elif kind in (RENAME, EXCHANGE, LINK):
            self._rename(operation, node, folder, name)

    def _rename(self, operation, node, folder, name):
        other = self._find(operation.other)
        to_folder, to_name = self._place(operation.other)
        left = {RENAME: None, EXCHANGE: other, LINK: node}[operation.kind]
        if folder is to_folder:
            folder.change((to_name, node), (name, left))
        else:
            to_folder.change((to_name, node))
            folder.change((name, left))

    def power_loss(self, draw):
        return Remains(self.top, draw)


class Remains:
    """One of the disks that may be found."""

    def __init__(self, top, draw):
        self.top, self.draw, self.contents = top, draw, {}

    def write_to(self, path, node=None):
        """Files that only their owner reads, as keys must be."""
        path, node = Path(path), node or self.top
        if isinstance(node, File):
            if id(node) not in self.contents:  # with two names it still has one content
                self.contents[id(node)] = node.after_power_loss(self.draw)
            path.write_bytes(self.contents[id(node)])
            path.chmod(0o600)
            return
        path.mkdir(mode=0o700)
        for name, entry in node.after_power_loss(self.draw).items():
            self.write_to(path / name, entry)
