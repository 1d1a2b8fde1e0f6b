"""The measuring part of `benchmark`, which starts the registry and the service for it. Prints tables; asserts nothing."""

import argparse
import http.client
import json
import os
import re
import socket
import statistics
import subprocess
import time

from benchmark_cluster import memory

TAGS = 10_000
RUNS = 21
STARTS = 11
CALLERS = 64
SECONDS = 5


def main():
    parser = argparse.ArgumentParser()
    for name in ["directory", "registry", "service", "program", "pid"]:
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    at_rest = memory(options.pid)
    make_tags(options)
    check(options)
    print(f"\nOne listing of {TAGS:,} tags; medians of {RUNS} runs that took turns", flush=True)
    listings(options)
    print(f"\n{CALLERS} callers at once, {SECONDS} s each", flush=True)
    callers(options)
    print("\nMemory of the service, resident (VmRSS; aims: at most 40 MiB at rest, 64 MiB under load)", flush=True)
    table([["ready, nothing asked yet", f"{at_rest['VmRSS'] / 1024:.1f} MiB"],
           ["after all of the above", f"{memory(options.pid)['VmRSS'] / 1024:.1f} MiB"],
           ["at most meanwhile (VmHWM)", f"{memory(options.pid)['VmHWM'] / 1024:.1f} MiB"]])
    print(f"\nFrom the start of the process; medians of {STARTS} starts (aim: ready within 100 ms)", flush=True)
    starts(options)


def make_tags(options):
    """Writes the tags into the registry's storage, as it would itself: pushing ten thousand would take minutes."""
    folder = os.path.join(options.directory, "registry/docker/registry/v2/repositories/webapp/bench/_manifests/tags")
    for number in range(TAGS):
        tag = os.path.join(folder, f"v{number // 1000}.{number // 20 % 50}.{number % 20}", "current")
        os.makedirs(tag, exist_ok=True)
        with open(os.path.join(tag, "link"), "w") as link:
            link.write("sha256:" + "0" * 64)


def check(options):
    """What is compared must be the same list."""
    listed = json.loads(run(curl_registry(options)).stdout)["tags"]
    answered = json.loads(run(["curl", "-sS", f"http://{options.service}/tags/bench"]).stdout)["tags"]
    assert sorted(listed) == sorted(answered) and len(listed) == TAGS, (len(listed), len(answered))


def curl_registry(options, *more):
    return ["curl", "-sS", "-K", f"{options.directory}/curl-registry", *more,
            f"http://{options.registry}/v2/webapp/bench/tags/list"]


def listings(options):
    timed = ["-o", "/dev/null", "-w", "%{time_total}"]
    service = f"http://{options.service}/tags/bench"
    transfers = {
        "plain curl, from the registry": curl_registry(options, *timed),
        "GET /tags, listed anew": ["curl", "-sS", *timed, "-H", "Cache-Control: no-cache", service],
        "GET /tags, at most 5 s old": ["curl", "-sS", *timed, service],
    }
    processes = {
        "plain curl, whole process": curl_registry(options, "-o", "/dev/null"),
        "skopeo list-tags, whole process": [
            "skopeo", "list-tags", "--tls-verify=false", "--authfile", f"{options.directory}/docker/config.json",
            f"docker://{options.registry}/webapp/bench"],
        "registry-query tags, whole process": [options.program, "tags", "bench"],
    }
    times = {name: [] for name in [*transfers, *processes]}
    for _ in range(RUNS):
        for name, command in transfers.items():
            times[name].append(float(run(command).stdout))
        for name, command in processes.items():
            start = time.perf_counter()
            run(command)
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    rows = []
    for names in [transfers, processes]:
        base = medians[next(iter(names))]
        rows += [[name, f"{medians[name] * 1000:.1f} ms", f"{medians[name] / base:.2f} x curl"] for name in names]
    table(rows)
    ratio = medians["registry-query tags, whole process"] / medians["skopeo list-tags, whole process"]
    print(f"  registry-query tags takes {ratio:.2f} of the time of skopeo list-tags")


def callers(options):
    with open(f"{options.directory}/password") as file:
        password = file.read()
    authorization = "Authorization: Basic " + subprocess.run(
        ["base64", "-w", "0"], input=f"demo:{password}", capture_output=True, text=True, check=True).stdout
    service = f"http://{options.service}"
    loads = {
        "the registry itself, tags/list": (f"http://{options.registry}/v2/webapp/bench/tags/list", authorization),
        "GET /tags": (f"{service}/tags/bench", None),
        "GET /tags?limit=10": (f"{service}/tags/bench?limit=10", None),
        "GET /next": (f"{service}/next/bench", None),
        "GET /next, Cache-Control: no-cache": (f"{service}/next/bench", "Cache-Control: no-cache"),
    }
    rows = []
    for name, (url, header) in loads.items():
        until_idle(options)
        before = listings_seen(options)
        output = run(["wrk", "-t2", f"-c{CALLERS}", f"-d{SECONDS}s", "--timeout", "30s", *(["-H", header] if header else []),
                      url]).stdout
        rate = float(re.search(r"Requests/sec:\s+([\d.]+)", output).group(1))
        failed = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
        until_idle(options)
        rows.append([name, f"{rate:,.1f} requests/s", f"{listings_seen(options) - before:,} listings at the registry",
                     f"{failed.group(1)} FAILED" if failed else ""])
    table(rows)


def until_idle(options):
    """Waits until what was asked before is answered: both processes use no more processor time."""
    with open(f"{options.directory}/registry.pid") as file:
        processes = [options.pid, file.read().split()[0]]
    before = None
    for _ in range(120):
        used = [open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[11:13] for pid in processes]
        if used == before:
            return
        before = used
        time.sleep(1)


def listings_seen(options):
    with open(f"{options.directory}/registry.log") as log:
        return sum('"GET /v2/webapp/bench/tags/list' in line for line in log)


def starts(options):
    answering, ready = [], []
    for _ in range(STARTS):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        begin = time.perf_counter()
        process = subprocess.Popen([options.program, "serve", "--listen", f"127.0.0.1:{port}"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            answering.append(until_ok(port, "/healthz", begin))
            ready.append(until_ok(port, "/readyz", begin))
        finally:
            process.kill()
            process.wait()
    table([["answers /healthz", f"{statistics.median(answering):.0f} ms"],
           ["ready: /readyz is 200", f"{statistics.median(ready):.0f} ms"]])


def until_ok(port, path, begin):
    """Milliseconds since `begin` when the path is first answered with 200."""
    while time.perf_counter() - begin < 15:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return (time.perf_counter() - begin) * 1000
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.001)
    raise SystemExit(f"the service did not answer {path} within 15 s")


def run(command):
    return subprocess.run(command, capture_output=True, text=True, check=True)


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        print(("  " + "  ".join(cells)).rstrip(), flush=True)


if __name__ == "__main__":
    main()
