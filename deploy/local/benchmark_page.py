"""Measures what people who look on cost: many pages that stay open, each with its stream of events.

The cluster is the stand-in of the tests, as in benchmark_cluster.py. Asserts nothing about times.
"""
import argparse
import concurrent.futures
import http.client
import json
import statistics
import time

from benchmark_cluster import Cluster, memory, processor_seconds

PAGES = 100
STORED = 500
CHANGES = 10
IDLE = 20


def main():
    parser = argparse.ArgumentParser()
    for name in ["directory", "program", "stand-in"]:
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    with Cluster(options) as cluster:
        cluster.control("POST", "/jobs", {"count": STORED})
        time.sleep(3)
        before = resident(cluster)
        pages, opened = open_pages(cluster)
        open_now = resident(cluster)
        used = processor_seconds(cluster.service.pid)
        time.sleep(IDLE)
        used = (processor_seconds(cluster.service.pid) - used) / IDLE * 100
        delays = changes(cluster, pages)
        after = resident(cluster)
        for page in pages:
            page.close()
        document = first_paint(cluster)
    print(f"\n{PAGES} pages open, each with its events, beside {STORED} builds", flush=True)
    rows = [
        ("resident memory, no page open", f"{before:.1f} MiB"),
        (f"resident memory, {PAGES} open", f"{open_now:.1f} MiB"),
        (f"resident memory, {PAGES} open, after {CHANGES} builds began", f"{after:.1f} MiB"),
        (f"processor time with {PAGES} open and nothing new", f"{used:.2f} % of a core"),
        ("from opening to all that is known, median", f"{statistics.median(opened):.0f} ms"),
        ("from a change in the cluster to the last of the pages, median", f"{statistics.median(delays):.0f} ms"),
        ("the document of the page", f"{document / 1000:.1f} kB in 1 request"),
    ]
    width = max(len(row[0]) for row in rows)
    for name, value in rows:
        print(f"  {name.ljust(width)}  {value:>16}", flush=True)


def resident(cluster):
    """Resident memory in MiB."""
    return memory(cluster.service.pid)["VmRSS"] / 1024


def open_pages(cluster):
    """Pages, and the milliseconds until each knew all there is to know."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pages = list(pool.map(lambda _: Page(cluster.port), range(PAGES)))
    return pages, [page.opened for page in pages]


def changes(cluster, pages):
    """Milliseconds from a change of a build to the last page that shows it."""
    delays = []
    for number in range(CHANGES):
        status, build = cluster.ask("POST", "/builds", {"webapp": f"page-{number}"})
        assert status == 202, (status, build)
        for page in pages:
            page.until(build["id"], "queued")
        # Its Pod is made, and then begins to clone.
        cluster.control("POST", f"/jobs/{build['id']}/step")
        change = cluster.control("POST", f"/jobs/{build['id']}/step")
        for page in pages:
            page.until(build["id"], "running")
        delays.append((time.clock_gettime_ns(time.CLOCK_MONOTONIC) - change["monotonicNanoseconds"]) / 1e6)
    return delays


def first_paint(cluster):
    """Bytes of the page."""
    connection = http.client.HTTPConnection("127.0.0.1", cluster.port, timeout=30)
    connection.request("GET", "/")
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 200 and text.startswith(b"<!"), answer.status
    connection.close()
    return len(text)


class Page:
    """Listens as the page does."""

    def __init__(self, port):
        begin = time.perf_counter()
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self.connection.request("GET", "/events")
        self.answer = self.connection.getresponse()
        assert self.answer.status == 200, self.answer.status
        name, _ = self.event()
        assert name == "builds", name
        self.opened = (time.perf_counter() - begin) * 1000

    def event(self):
        name = None
        while True:
            line = self.answer.readline()
            if not line:
                raise SystemExit("a stream of events ended before its time")
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: "):
                return name, json.loads(line[6:])

    def until(self, build, status):
        while True:
            name, data = self.event()
            if name == "build" and data["id"] == build and data["status"] == status:
                return

    def close(self):
        self.connection.close()


if __name__ == "__main__":
    main()
