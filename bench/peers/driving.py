"""Runs the load generator against a server, and watches who else used the cores."""

import json
import os
import subprocess

from load import Watch
from servers import CERTIFICATES

# Over TLS each connection of the load generator is a task: this spares it a change of threads for each message.
ENVIRONMENT = {**os.environ, "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS": "1"}


def drive(client, client_cores, server, arguments, seconds, environment=ENVIRONMENT):
    """What the load generator measured, or why it did not. The cores are those of a list as taskset has it."""
    patience = 120 + seconds
    command = [
        "taskset", "--cpu-list", client_cores, *client, server.url, *(["--cacert", str(CERTIFICATES / "ca.pem")] if server.tls else []),
        *arguments, "--seconds", f"{seconds:g}", "--pid", str(server.pid), "--json"]
    watch = Watch({int(core) for core in f"{server.cores},{client_cores}".split(",")}, server.pid)
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=patience, env=environment)
    except subprocess.TimeoutExpired:
        return {"error": f"the load generator was not done after {patience:g} s"}
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        return {"error": f"the load generator ended with {done.returncode}: {last[0]}"}
    if not server.is_running:
        return {"error": "the server ended"}
    result = json.loads(done.stdout)
    del result["url"], result["server"]["pid"]  # they differ from run to run and say nothing
    return {"result": result, "others": round(watch.others(), 3)}
