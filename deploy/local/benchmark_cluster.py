"""Measures the service that builds in a cluster: how soon it tells what happens there, and what its watches cost.

The cluster is the stand-in of the tests, whose clock is the one of this script (CLOCK_MONOTONIC). Asserts nothing.
"""
import argparse
import concurrent.futures
import http.client
import json
import os
import socket
import statistics
import subprocess
import threading
import time

BUILDS = 50
STORED = 500
WEBAPPS = 500
ENDED = 5000
SCRAPES = 51
IDLE = 20


def main():
    parser = argparse.ArgumentParser()
    for name in ["directory", "program", "stand-in"]:
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    rows = []
    with Cluster(options) as cluster:
        resting = cluster.idle()
        rows.append(["two watches open, no builds", f"{resting[0]:.1f} MiB", f"{resting[1]:.2f} % of a core"])
        delays = cluster.delays()
        after = cluster.idle()
        rows.append([f"after {BUILDS} builds at once", f"{after[0]:.1f} MiB", f"{after[1]:.2f} % of a core"])
    with Cluster(options) as cluster:
        cluster.control("POST", "/jobs", {"count": STORED})
        stored = cluster.idle()
        rows.append([f"with {STORED} Jobs listed", f"{stored[0]:.1f} MiB", f"{stored[1]:.2f} % of a core"])
    with Cluster(options) as cluster:
        scraped = cluster.scrapes()
    print(f"\nFrom the API server's event to /builds/{{id}}/events, {BUILDS} builds at once, {len(delays)} events", flush=True)
    delays.sort()
    print(f"  p50 {statistics.median(delays):.1f} ms   p99 {delays[int(len(delays) * 0.99)]:.1f} ms   max {delays[-1]:.1f} ms")
    print(f"\nThe service beside a cluster, resident memory and processor time over {IDLE} s", flush=True)
    width = max(len(row[0]) for row in rows)
    for row in rows:
        print(f"  {row[0].ljust(width)}  {row[1]:>9}  {row[2]:>16}", flush=True)
    print(f"\nGET /metrics of a leader that saw {ENDED:,} builds of {WEBAPPS} webapps end; {SCRAPES} scrapes, whole requests "
          "(aims: at most 20 ms, 1 MB)", flush=True)
    print(f"  p50 {statistics.median(scraped['times']):.1f} ms   max {max(scraped['times']):.1f} ms   {scraped['bytes']:,} bytes   "
          f"{scraped['series']:,} series   {scraped['counted']:,} builds counted", flush=True)


class Cluster:
    """A stand-in and a service that builds in it."""

    def __init__(self, options):
        self.options = options

    def __enter__(self):
        kubeconfig = os.path.join(self.options.directory, "kubeconfig")
        self.stand_in = subprocess.Popen([self.options.stand_in, kubeconfig], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        ready = self.stand_in.stdout.readline().split()
        self.control_port = int(ready[2])
        port = free_port()
        self.port = port
        environment = {**os.environ, "BUILDER": "kubernetes", "KUBECONFIG": kubeconfig, "LOG_LEVEL": "warning",
                       "GIT_REPO_URL": "https://git.example/webapps.git", "LISTEN": f"127.0.0.1:{port}"}
        # Builds that fail, as those do that push nothing, are warned of.
        log = os.path.join(self.options.directory, "logs", "cluster-service.log")
        with open(log, "a") as output:
            self.service = subprocess.Popen([self.options.program, "serve"], env=environment, stdout=output, stderr=output)
        for _ in range(500):
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        raise SystemExit(f"the service did not become ready; its log is {log}")

    def __exit__(self, *_):
        self.service.terminate()
        self.service.wait(30)
        self.stand_in.stdin.close()
        self.stand_in.wait(30)

    def ask(self, method, path, body=None, port=None):
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=120)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"Content-Type": "application/json"} if content else {})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else None
        finally:
            connection.close()

    def control(self, method, path, body=None):
        status, answer = self.ask(method, path, body, self.control_port)
        assert status < 300, (status, answer)
        return answer

    def idle(self):
        """Resident memory in MiB, and processor time in percent, of a service that nobody asks anything."""
        time.sleep(3)
        before = processor_seconds(self.service.pid)
        time.sleep(IDLE)
        used = processor_seconds(self.service.pid) - before
        return memory(self.service.pid)["VmRSS"] / 1024, used / IDLE * 100

    def scrapes(self):
        """What reading the metrics costs. The Jobs are stored as ended: the cluster is not what is measured."""
        self.control("POST", "/jobs", {"count": ENDED, "webapps": WEBAPPS})
        times, counted = [], 0
        for _ in range(120):
            text = self.text("/metrics")
            counted = sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
                          if line.startswith("registry_query_builds_total{"))
            if counted >= ENDED:
                break
            time.sleep(0.5)
        for _ in range(SCRAPES):
            start = time.perf_counter()
            text = self.text("/metrics")
            times.append((time.perf_counter() - start) * 1000)
        return {"times": times, "bytes": len(text.encode()), "counted": int(counted),
                "series": sum(not line.startswith("#") for line in text.splitlines())}

    def text(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            return answer.read().decode()
        finally:
            connection.close()

    def delays(self):
        """Milliseconds from a change in the cluster to the event that tells of it."""
        builds = [self.ask("POST", "/builds", {"webapp": f"bench-{number}"})[1]["id"] for number in range(BUILDS)]
        followers = [Follower(self.port, build) for build in builds]
        for follower in followers:
            follower.wait(lambda state: state["status"] == "queued")
        delays = []
        with concurrent.futures.ThreadPoolExecutor(BUILDS) as pool:
            # A build is building from the end of its clone on. What the last step changes is told twice: the Pod has succeeded,
            # then the Job. Nothing new follows the second.
            for phase in [None, "cloning", "building", None, None]:
                changed = list(pool.map(lambda build: self.control("POST", f"/jobs/{build}/step"), builds))
                if phase is None:
                    continue
                for follower, change in zip(followers, changed):
                    delays.append((follower.wait(lambda state: state["phase"] == phase) - change["monotonicNanoseconds"]) / 1e6)
        for follower in followers:
            follower.wait(lambda state: state["done"])
        return delays


class Follower:
    """Reads the events of a build and keeps when each state was first seen."""

    def __init__(self, port, build):
        self.states = []
        self.condition = threading.Condition()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.connection.request("GET", f"/builds/{build}/events")
        self.answer = self.connection.getresponse()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.answer:
            now = time.monotonic_ns()
            if line.startswith(b"data:"):
                with self.condition:
                    self.states.append((now, json.loads(line[5:])))
                    self.condition.notify_all()

    def wait(self, holds):
        """The time of the first state for which something holds."""
        def found():
            return next((now for now, state in self.states if holds(state)), None)

        with self.condition:
            if not self.condition.wait_for(lambda: found() is not None, 90):
                raise SystemExit(f"a state was not told within 90 s; the last one is {self.states[-1:]}")
            return found()


def memory(pid):
    """What the kernel says of a process that has come to rest: kibibytes by name."""
    time.sleep(1)
    with open(f"/proc/{pid}/status") as status:
        return {line.split(":")[0]: int(line.split()[1]) for line in status if line.startswith(("VmRSS", "VmHWM"))}


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    main()
