# SPDX-License-Identifier: Apache-2.0
"""A PostgreSQL of its own, in a temporary folder, as somebody would set it up who keeps a
shop in it: durable commits, enough memory for all of the data.
"""
import getpass
import glob
import os
import pathlib
import shutil
import subprocess
import time

SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "max_connections": "200",
    "listen_addresses": "",
    "autovacuum": "on",
}


class Missing(Exception):
    """PostgreSQL is not there; the text says what was looked for."""


class Postgres:
    """One cluster on a Unix socket below `folder`, ended by stop()."""

    def __init__(self, folder, schema):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
        if not found:
            raise Missing("no /usr/lib/postgresql/*/bin/initdb (package postgresql)")
        self.bin = pathlib.Path(found[-1]).parent
        self.version = self.bin.parent.name
        self.folder = pathlib.Path(folder) / "postgres"
        self.folder.mkdir(parents=True)
        # PostgreSQL refuses to run as root.
        self.user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self.user:
            os.chmod(pathlib.Path(folder), 0o755)
            shutil.chown(self.folder, "postgres", "postgres")
        self.role = "postgres" if self.user else getpass.getuser()
        self.data = self.folder / "data"
        self._run(self.bin / "initdb", "-D", self.data, "-A", "trust", "-U", self.role,
                  "--no-locale", "-E", "UTF8")
        with_settings = "".join(f"{key} = '{value}'\n" for key, value in SETTINGS.items())
        extra = f"{with_settings}unix_socket_directories = '{self.folder}'\n"
        self._run("sh", "-c", f"cat >> {self.data}/postgresql.conf <<'END'\n{extra}END\n")
        self.process = subprocess.Popen(
            [*self.user, str(self.bin / "postgres"), "-D", str(self.data)],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.conninfo = f"host={self.folder} dbname=postgres user={self.role}"
        self._wait()
        self.sql(schema)

    def _run(self, *command, text=None):
        done = subprocess.run([*self.user, *map(str, command)], cwd=self.folder, input=text,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"{command[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def _wait(self):
        for _ in range(300):
            ready = subprocess.run([str(self.bin / "pg_isready"), "-h", str(self.folder)],
                                   capture_output=True, check=False)
            if ready.returncode == 0:
                return
            if self.process.poll() is not None:
                raise Missing(f"postgres ended with {self.process.returncode} at start")
            time.sleep(0.1)
        raise Missing("postgres did not get ready within 30 s")

    def sql(self, text):
        return self._run(self.bin / "psql", "-h", self.folder, "-U", self.role, "-d", "postgres",
                         "-v", "ON_ERROR_STOP=1", "-qAt", text=text)

    def pids(self):
        """The server's first process; the others are its children."""
        first = (self.data / "postmaster.pid")
        text = self._run("head", "-n", "1", first)
        return [int(text.strip())]

    def stop(self):
        if self.process.poll() is None:
            self._run(self.bin / "pg_ctl", "-D", self.data, "stop", "-m", "fast")
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)
