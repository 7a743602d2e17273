"""The peer: an Asterisk of its own whose dialplan hands callers to app_queue, with as many members and music."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path

from careline.bench.load import AGENT_HOST, CALLER_HOST, Load
from careline.setup.steps import Say
from careline.telephony.apt import fetch_packages, find_archive
from careline.telephony.engine import Engine, default_cache

#: The number callers dial to reach the queue.
QUEUE_NUMBER = "9000"
#: A queue without members: everyone waits.
WAITING_NUMBER = "9001"


def peer_engine(tell: Say) -> Engine:
    """Debian's whole Asterisk, since the lean copy that Careline runs has no app_queue. Fetched once, without root."""
    tree = default_cache() / "bench" / "asterisk"
    if not (tree / "usr/sbin/asterisk").exists():
        archive = find_archive()
        suite = archive.codename if archive.distribution == "Ubuntu" else "sid"
        tell(f"fetching the peer, Asterisk of {archive.distribution} {suite}")
        fresh = tree.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fetch_packages(["asterisk", "asterisk-modules"], suite, fresh, archive=archive)
        fresh.rename(tree)
    library = next(tree.glob("usr/lib/*/ld-linux*.so*"), None) or next(tree.glob("lib/*/ld-linux*.so*"))
    modules = next(iter([*tree.glob("usr/lib/*/asterisk/modules"), *tree.glob("usr/lib/asterisk/modules")]))
    argv = (str(library), "--library-path", str(library.parent), str(tree / "usr/sbin/asterisk"))
    said = subprocess.run([*argv, "-V"], capture_output=True, text=True, check=True).stdout
    return Engine(
        version=said.split()[-1], argv=argv, modules=modules, data=tree / "usr/share/asterisk", origin="Debian"
    )


@dataclass
class Peer:
    """A running Asterisk with app_queue."""

    engine: Engine
    folder: Path
    music: Path
    sip_port: int
    rtp_port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def pids(self) -> list[int]:
        """The processes whose time counts as the peer's."""
        return [self.process.pid] if self.process else []

    def start(self, load: Load) -> None:
        """Write the configuration, boot, and wait until it answers."""
        self._configure(load)
        user = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam("nobody")
            user = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
            for path in [self.folder, *self.folder.rglob("*")]:
                os.chown(path, account.pw_uid, account.pw_gid)
        argv = [*self.engine.argv, "-f", "-C", str(self.folder / "etc/asterisk.conf")]
        with (self.folder / "log/console").open("wb") as out:
            self.process = subprocess.Popen(  # type: ignore[call-overload]
                argv, stdout=out, stderr=out, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True, **user
            )
        deadline = time.monotonic() + 30
        while "System uptime" not in self.command("core show uptime"):
            if time.monotonic() > deadline or (self.process and self.process.poll() is not None):
                raise RuntimeError(f"the peer does not start, see {self.folder}/log/console")
            time.sleep(0.1)

    def command(self, line: str) -> str:
        """Ask its console."""
        argv = [*self.engine.argv, "-C", str(self.folder / "etc/asterisk.conf"), "-rx", line]
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def stop(self) -> None:
        """End it and wait until it is gone."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def _configure(self, load: Load) -> None:
        folder, engine = self.folder, self.engine
        for part in ("etc", "var", "db", "keys/keys", "spool/recording", "spool/monitor", "run", "log", "cache"):
            (folder / part).mkdir(parents=True, exist_ok=True)

        def write(name: str, text: str) -> None:
            (folder / "etc" / name).write_text(text)

        places = {
            "astetcdir": folder / "etc", "astmoddir": engine.modules, "astvarlibdir": folder / "var",
            "astdbdir": folder / "db", "astkeydir": folder / "keys", "astdatadir": engine.data,
            "astagidir": folder / "var", "astspooldir": folder / "spool", "astrundir": folder / "run",
            "astlogdir": folder / "log", "astcachedir": folder / "cache",
        }  # fmt: skip
        directories = "".join(f"{name} => {path}\n" for name, path in places.items())
        options = "[options]\nnocolor = yes\ndocumentation_language = en_US\n"
        write("asterisk.conf", f"[directories]\n{directories}{options}")
        available = {path.stem for path in engine.modules.glob("*.so")}
        wanted = chosen_modules(available)
        write("modules.conf", "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in wanted))
        write("logger.conf", "[general]\n[logfiles]\nmessages => warning,error\n")
        write("rtp.conf", f"[general]\nrtpstart = {self.rtp_port}\nrtpend = {self.rtp_port + 3999}\n")
        write("musiconhold.conf", f"[general]\n[default]\nmode = files\ndirectory = {self.music}\n")
        for name in ("cdr.conf", "cel.conf"):
            write(name, "[general]\nenable = no\n")
        write("indications.conf", "[general]\ncountry = us\n[us]\ndescription = US\nringcadence = 2000,4000\n")
        for name in ("features.conf", "ccss.conf", "udptl.conf", "pjproject.conf", "http.conf"):
            write(name, "[general]\n")
        members = "".join(f"member => PJSIP/agent{n}\n" for n in range(load.agents))
        write(
            "queues.conf",
            "[general]\nautofill = yes\npersistentmembers = no\n[bench]\nstrategy = rrmemory\ntimeout = 15\nretry = 1\n"
            f"ringinuse = no\nwrapuptime = 0\njoinempty = yes\nmusicclass = default\n{members}"
            "[waiting]\nstrategy = rrmemory\njoinempty = yes\nmusicclass = default\n",
        )
        write(
            "extensions.conf",
            f"[general]\nstatic = yes\n[callers]\nexten => {QUEUE_NUMBER},1,Answer(,i)\n same => n,Queue(bench)\n"
            f" same => n,Hangup()\nexten => {WAITING_NUMBER},1,Answer(,i)\n same => n,Queue(waiting)\n"
            " same => n,Hangup()\n",
        )
        endpoint = "disallow = all\nallow = ulaw\ntransport = udp\ndirect_media = no\nrtp_symmetric = yes\n"
        agents = "".join(
            f"[agent{n}](agents)\naors = agent{n}\n[agent{n}]\ntype = aor\n"
            f"contact = sip:agent{n}@{AGENT_HOST}:{load.agent_port}\n"
            for n in range(load.agents)
        )
        write(
            "pjsip.conf",
            f"[global]\ntype = global\n[udp]\ntype = transport\nprotocol = udp\nbind = 127.0.0.1:{self.sip_port}\n"
            f"[caller]\ntype = endpoint\ncontext = callers\n{endpoint}"
            f"[caller]\ntype = identify\nendpoint = caller\nmatch = {CALLER_HOST}\n"
            f"[agents](!)\ntype = endpoint\ncontext = none\ndevice_state_busy_at = 1\n{endpoint}{agents}",
        )


def chosen_modules(available: Iterable[str]) -> list[str]:
    """The modules of peer_modules.txt that this Asterisk has."""
    lines = files("careline.bench").joinpath("peer_modules.txt").read_text("utf-8").splitlines()
    wanted = [line for line in lines if line and line[0] not in "#!"]
    banned = {line[1:] for line in lines if line.startswith("!")}
    return sorted(n for n in available if n not in banned and any(fnmatch(n, pattern) for pattern in wanted))
