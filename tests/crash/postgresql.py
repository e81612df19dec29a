# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL server of a test's own, that can be killed and started again."""
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path


def programs():
    """Where initdb, postgres, psql and pg_dump are; None: not all of them are installed."""
    places = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/bin"), Path("/usr/local/bin")]
    wanted = ("initdb", "postgres", "psql", "pg_dump")
    return next((place for place in places if all((place / one).exists() for one in wanted)), None)


END = "that was all"


class PostgresqlServer:
    """Reached by a socket in its folder and by nothing else. As root, it runs as another user, since it refuses
    to be root. To be closed."""

    def __init__(self, folder):
        self.programs, self.folder = programs(), folder
        owner = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
        self.user, self.identity = owner.pw_name, {}
        folder.mkdir(parents=True)
        if os.getuid() == 0:
            shutil.chown(folder, owner.pw_uid, owner.pw_gid)
            self.identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        subprocess.run([self.programs / "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8",
                        "-D", folder / "data"], check=True, stdout=subprocess.DEVNULL, cwd="/", **self.identity)
        self.start()

    def start(self):
        # After a crash of one of its processes it ends, instead of starting them again behind our back.
        with open(self.folder.parent / "server.log", "a") as log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=",
                 "-c", "restart_after_crash=off"], stdout=log, stderr=log, cwd="/", **self.identity)
        deadline = time.monotonic() + 60
        while self.psql("SELECT 1", check=False) != "1":
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the server does not start")
            time.sleep(0.02)
        self.session = subprocess.Popen(
            [self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.address("public")], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def wait_and_restart(self):
        """After something that ends it. False: it has not ended."""
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            return False
        self.end_session()
        self.start()
        return True

    def close(self):
        self.end_session()
        self.process.terminate()
        self.process.wait()

    def end_session(self):
        self.session.stdin.close()
        self.session.stdout.close()
        self.session.wait()

    def ask(self, statements):
        """What they answer, by a connection that stays: a process and a connection each time take longer than most."""
        self.session.stdin.write(f"{statements}\n\\echo {END}\n")
        self.session.stdin.flush()
        lines = []
        while (line := self.session.stdout.readline()) != END + "\n":
            if not line:
                raise RuntimeError(f"psql ended at {statements!r:.300}")
            lines.append(line)
        return "".join(lines)

    def address(self, schema):
        return f"postgresql:///postgres?user={self.user}&host={self.folder}&options=-csearch_path%3D{schema}"

    def psql(self, *statements, schema="public", check=True):
        commands = [argument for sql in statements for argument in ("-c", sql)]
        done = subprocess.run([self.programs / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", self.address(schema), *commands],
                              check=check, stdout=subprocess.PIPE, stderr=None if check else subprocess.DEVNULL, text=True)
        return done.stdout.strip()

    def dump(self, schema):
        """The statements that make a schema again."""
        return subprocess.run([self.programs / "pg_dump", f"--schema={schema}", "--no-owner", self.address(schema)],
                              check=True, stdout=subprocess.PIPE, text=True).stdout

    def restore(self, schema, dump):
        """In place of what is there; the transaction of a process that is gone is waited for."""
        self.ask(f"RESET ALL;\nSET client_min_messages = warning;\nDROP SCHEMA IF EXISTS {schema} CASCADE;\n{dump}")
