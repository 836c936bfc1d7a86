"""Which servers are measured, and how they are started and ended."""

import os
import pathlib
import select
import subprocess
import time
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
ARTIFACTS = REPOSITORY / "artifacts"
CERTIFICATES = ARTIFACTS / "bench/certificates"  # eng/certificates.sh makes them
CLI = ["dotnet", str(ARTIFACTS / "bin/Sockeye.Cli/release/Sockeye.Cli.dll")]


@dataclass(frozen=True)
class Kind:
    name: str
    title: str
    needs: str  # what install.sh provides
    command: tuple
    environment: tuple = ()  # of names and values
    version: str = ""  # what a shell runs to say it, a line for each part
    has_tls: bool = False  # knows --tls FOLDER, where server.pem, server.key and server.pfx are

    @property
    def is_ours(self):
        return self.name.startswith("sockeye")


def sockeye(name, title, transport="loop", form="async", **environment):
    program = str(ARTIFACTS / "bin/SockeyeBench/release/SockeyeBench.dll")
    return Kind(name, title, "dotnet", ("dotnet", program, "--transport", transport, "--form", form),
                tuple(environment.items()), has_tls=True)


def sockeye_aspnet(name, title, *tuned):
    program = str(ARTIFACTS / "bin/SockeyeAspNetBench/release/SockeyeAspNetBench.dll")
    return Kind(name, title, "dotnet", ("dotnet", program, *tuned), has_tls=True)


def packages(*names):
    return "; ".join(f"node -p \"'{name} ' + require('./node_modules/{name}/package.json').version\"" for name in names)


KINDS = [
    sockeye("sockeye", "Sockeye, async form"),
    sockeye("sockeye-callback", "Sockeye, callback form", form="callback"),
    sockeye("sockeye-socket-inline", "Sockeye, Socket, inline completions", transport="socket",
            DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS="1"),
    sockeye("sockeye-socket", "Sockeye, Socket", transport="socket"),
    sockeye_aspnet("sockeye-aspnet", "Sockeye in ASP.NET Core, event loops", "--event-loops"),
    sockeye_aspnet("sockeye-aspnet-tuned", "Sockeye in ASP.NET Core, tuned", "--tuned"),
    sockeye_aspnet("sockeye-aspnet-untuned", "Sockeye in ASP.NET Core"),
    Kind("aspnet", "ASP.NET Core", "dotnet",
         ("dotnet", str(ARTIFACTS / "bin/AspNetBench/release/AspNetBench.dll")),
         version="dotnet --list-runtimes | sed -n 's/^Microsoft.AspNetCore.App \\(10[^ ]*\\).*/ASP.NET Core \\1/p' | tail -n 1",
         has_tls=True),
    Kind("bun", "Bun", "npm", (str(HERE / "node_modules/bun/bin/bun.exe"), "bun.ts"), version=packages("bun"), has_tls=True),
    Kind("deno", "Deno", "npm",
         (str(HERE / "node_modules/deno/deno"), "run", "--quiet", "--no-lock", "--no-config", "--allow-net", "deno.ts"),
         version=packages("deno")),
    Kind("ws", "Node.js, ws with bufferutil", "npm", ("node", "ws.mjs"),
         version=packages("ws", "bufferutil") + "; echo Node.js $(node --version)"),
    Kind("gorilla", "Go, gorilla/websocket", "go", (str(ARTIFACTS / "bench/gorilla"),),
         version="dpkg-query -W -f '${Package} ${Version}' golang-github-gorilla-websocket-dev; echo; go version"),
]


class Server:
    """A running server: ended by closing its standard input, and killed by its process id where that does not help."""

    def __init__(self, kind, cores, deflate=False, tls=False, more=()):
        """cores: of a list as taskset has it. more: further arguments."""
        self.kind = kind
        self.cores = cores
        self.tls = tls
        command = ["taskset", "--cpu-list", str(cores), *kind.command, "--port", "0", *(["--deflate"] if deflate else []),
                   *(["--tls", str(CERTIFICATES)] if tls else []), *more]
        self._process = subprocess.Popen(
            command, cwd=HERE, env={**os.environ, **dict(kind.environment)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.port = self._announced(patience=30)
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        return f"{'wss' if self.tls else 'ws'}://127.0.0.1:{self.port}/"

    @property
    def pid(self):
        return self._process.pid  # taskset becomes the server

    @property
    def is_running(self):
        return self._process.poll() is None

    def stop(self):
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _announced(self, patience):
        deadline = time.monotonic() + patience
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            byte = os.read(self._process.stdout.fileno(), 1) if ready else b""
            if not byte:
                raise RuntimeError(f"{self.kind.name} did not say where it listens: it said {line!r}")
            line += byte
        return int(line.removeprefix(b"LISTENING "))
