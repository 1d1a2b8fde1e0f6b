"""Measures what callers wait for: a callback after the end of a build, the answer to a push, signed webhooks.

The cluster is the stand-in of the tests, as in benchmark_cluster.py. Asserts nothing about times.
"""
import argparse
import base64
import concurrent.futures
import hashlib
import hmac
import http.client
import http.server
import json
import os
import re
import statistics
import subprocess
import threading
import time

from benchmark_cluster import Cluster, memory

BUILDS = 50
POLLING = 5
PUSHES = {1: 15, 20: 5}
SECRET = "benchmark-" + "0" * 32
BRANCH = "main"
SECONDS = 5


def main():
    parser = argparse.ArgumentParser()
    for name in ["directory", "program", "stand-in", "registry"]:
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    receiver = Receiver()
    secret = os.path.join(options.directory, "github-secret")
    with open(secret, "w") as file:
        file.write(SECRET + "\n")
    os.environ.update(CALLBACK_ALLOWED_HOSTS=f"http://127.0.0.2:{receiver.port}", GITHUB_WEBHOOK_SECRET_FILE=secret,
                      GIT_BRANCH=BRANCH, WEBAPP_PATHS="push-*")
    with Cluster(options) as cluster:
        callbacks(options, cluster, receiver)
        pushes(cluster)
    with Cluster(options) as cluster:
        webhooks(options, cluster)


# From the end of a build to the callback.

def callbacks(options, cluster, receiver):
    names = [f"call-{number}" for number in range(BUILDS)]
    builds = {name: start(cluster, {"webapp": name, "callbackUrl": receiver.url(name)}) for name in names}
    polling = [Poller(cluster, name, build["id"], number / BUILDS * POLLING)
               for number, (name, build) in enumerate(builds.items())]
    for name, build in builds.items():
        push_image(options, f"webapp/{name}", build["tag"])
    ends = {}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for name, end in zip(names, pool.map(lambda name: run_to_end(cluster, builds[name]["id"]), names)):
            ends[name] = end
    told = {name: receiver.wait(name) for name in names}
    delays = sorted((told[name] - ends[name]) / 1e6 for name in names)
    polled = sorted((poller.wait() - ends[poller.name]) / 1e6 for poller in polling)
    print(f"\nFrom the end of a build, its Job's, to whoever asked for it; {BUILDS} builds, 8 at a time", flush=True)
    for title, values in [("callback received", delays), (f"seen by polling every {POLLING} s, as n8n does", polled)]:
        print(f"  {title.ljust(42)}  p50 {statistics.median(values):7.1f} ms   "
              f"p99 {values[int(len(values) * 0.99)]:7.1f} ms", flush=True)


def start(cluster, body):
    status, build = cluster.ask("POST", "/builds", body)
    assert status == 202, (status, build)
    return build


def run_to_end(cluster, build):
    """Takes all steps of a build; the time of the last one."""
    last = None
    while True:
        status, answer = cluster.ask("POST", f"/jobs/{build}/step", None, cluster.control_port)
        if status == 409:
            return last
        assert status == 200, (status, answer)
        last = answer["monotonicNanoseconds"]


class Receiver:
    """Takes callbacks and keeps when each came first.

    Not at 127.0.0.1, which is the address of the API server here and therefore refused.
    """

    def __init__(self):
        self.seen = {}
        self.condition = condition = threading.Condition()
        seen = self.seen

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                now = time.monotonic_ns()
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(204)
                self.end_headers()
                with condition:
                    seen.setdefault(self.path, now)
                    condition.notify_all()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.2", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.2:{self.port}/webhook-waiting/{name}?signature=0"

    def wait(self, name):
        path = f"/webhook-waiting/{name}?signature=0"
        with self.condition:
            if not self.condition.wait_for(lambda: path in self.seen, 90):
                raise SystemExit(f"no callback for {name} within 90 s")
            return self.seen[path]


class Poller:
    """Asks every few seconds, from a moment of its own on, until the build is done."""

    def __init__(self, cluster, name, build, phase):
        self.name = name
        self.seen = None
        self.thread = threading.Thread(target=self.poll, args=(cluster, build, phase), daemon=True)
        self.thread.start()

    def poll(self, cluster, build, phase):
        time.sleep(phase)
        while not cluster.ask("GET", f"/builds/{build}")[1]["done"]:
            time.sleep(POLLING)
        self.seen = time.monotonic_ns()

    def wait(self):
        self.thread.join(120)
        if self.seen is None:
            raise SystemExit(f"the build of {self.name} was not done within 120 s")
        return self.seen


def push_image(options, repository, tag):
    """Puts the smallest image there is into the registry, as the build would."""
    with open(f"{options.directory}/password") as file:
        login = base64.b64encode(f"demo:{file.read()}".encode()).decode()
    connection = http.client.HTTPConnection(options.registry, timeout=60)

    def ask(method, path, body=b"", content_type="application/octet-stream"):
        connection.request(method, path, body, {"Authorization": f"Basic {login}", "Content-Type": content_type})
        answer = connection.getresponse()
        answer.read()
        assert answer.status < 300, (method, path, answer.status)
        return answer

    config = b'{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}'
    digest = "sha256:" + hashlib.sha256(config).hexdigest()
    location = ask("POST", f"/v2/{repository}/blobs/uploads/").headers["Location"]
    path = re.sub(r"^https?://[^/]+", "", location)
    ask("PUT", f"{path}{'&' if '?' in path else '?'}digest={digest}", config)
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": kind, "layers": [],
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest, "size": len(config)}})
    ask("PUT", f"/v2/{repository}/manifests/{tag}", manifest.encode(), kind)
    connection.close()


# From a push to the answer: all Jobs are created.

def pushes(cluster):
    print("\nFrom a push webhook to its answer, all Jobs created; GitHub waits 10 s", flush=True)
    number = 0
    for webapps, runs in PUSHES.items():
        together, alone = [], []
        for _ in range(runs):
            number += 1
            body = push([f"push-{number}-{index}" for index in range(webapps)], number)
            begin = time.perf_counter()
            status, answer = deliver(cluster.port, "push", body)
            together.append(time.perf_counter() - begin)
            assert status == 200 and len(answer["builds"]) == webapps, (status, answer)
            begin = time.perf_counter()
            for index in range(webapps):
                start(cluster, {"webapp": f"alone-{number}-{index}"})
            alone.append(time.perf_counter() - begin)
        ratio = statistics.median(together) / statistics.median(alone)
        title = f"{webapps} webapp{'s' if webapps > 1 else ''} touched"
        print(f"  {title.ljust(20)}  p50 {statistics.median(together) * 1000:7.1f} ms   max {max(together) * 1000:7.1f} ms"
              f"   {ratio:.2f} x {webapps} POST /builds one by one", flush=True)


def push(webapps, number, filler=0):
    after = hashlib.sha1(str(number).encode()).hexdigest()
    commit = {"id": after, "message": "feat: a change" + "." * filler, "added": [], "removed": [],
              "modified": [f"{webapp}/Dockerfile" for webapp in webapps]}
    return json.dumps({
        "ref": f"refs/heads/{BRANCH}", "before": "0" * 39 + "1", "after": after, "created": False, "deleted": False,
        "forced": False, "commits": [commit], "head_commit": commit,
        "repository": {"full_name": "example/webapps", "clone_url": "https://git.example/webapps.git",
                       "pushed_at": int(time.time())},
        "pusher": {"name": "bench"}, "sender": {"login": "bench"}}).encode()


def signature(body):
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


def deliver(port, event, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/webhooks/github", body, {
            "Content-Type": "application/json", "X-GitHub-Event": event, "X-GitHub-Delivery": str(time.time_ns()),
            "X-Hub-Signature-256": signature(body)})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


# How many signed webhooks are verified, and what they cost.

def webhooks(options, cluster):
    small = push(["push-0"], 0, 1 << 20).replace(f"refs/heads/{BRANCH}".encode(), b"refs/heads/another")
    large = b"{" + b" " * (25 << 20) + b"}"
    status, answer = deliver(cluster.port, "push", small)
    assert status == 200 and "ignored" in answer, (status, answer)
    before = memory(cluster.service.pid)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < 2:
        signature(small)
        count += 1
    alone = count / (time.perf_counter() - begin)
    print(f"\nSigned webhooks, 4 senders at once, {SECONDS} s each", flush=True)
    rate = load(options, cluster, small, "1 MB, read, verified, parsed and answered")
    print(f"  {'HMAC-SHA-256 of 1 MB alone, in one thread'.ljust(46)}  {alone:8.1f}/s   "
          f"the service does {rate / alone:.2f} of that", flush=True)
    accepted = memory(cluster.service.pid)
    load(options, cluster, large, "25 MB, refused by the length that is announced", expected=413)
    refused = memory(cluster.service.pid)
    for title, values in [("before", before), ("after the accepted ones", accepted), ("after the refused ones", refused)]:
        print(f"  resident memory {title.ljust(24)}  {values['VmRSS'] / 1024:6.1f} MiB, "
              f"{values['VmHWM'] / 1024:6.1f} at most until then", flush=True)


def load(options, cluster, body, title, expected=200):
    """Requests per second of senders that send one after the other, each over a connection that stays open if it may."""
    head = (f"POST /webhooks/github HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"X-GitHub-Event: push\r\nX-GitHub-Delivery: 1\r\nX-Hub-Signature-256: {signature(body)}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    senders = [subprocess.Popen(["python3", "-c", SENDER, str(cluster.port), str(SECONDS), str(expected)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    for sender in senders:
        sender.stdin.write(len(head).to_bytes(4, "big") + head + body)
        sender.stdin.close()
    total = sum(float(sender.stdout.read()) for sender in senders)
    assert all(sender.wait() == 0 for sender in senders)
    print(f"  {title.ljust(46)}  {total:8.1f}/s", flush=True)
    return total


# A sender of its own process: the service, not Python, is to be the slowest part.
SENDER = """
import socket, sys, time
port, seconds, expected = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3].encode()
data = sys.stdin.buffer.read()
cut = int.from_bytes(data[:4], "big") + 4
head, body = data[4:cut], data[cut:]
connection, count, begin = None, 0, time.perf_counter()
while time.perf_counter() - begin < seconds:
    if connection is None:
        connection = socket.create_connection(("127.0.0.1", port), 30)
    connection.sendall(head)
    if expected == b"200":
        connection.sendall(body)
    answer = b""
    while b"\\r\\n\\r\\n" not in answer:
        piece = connection.recv(65536)
        if not piece: break
        answer += piece
    if answer.split(b" ")[1:2] != [expected]:
        sys.exit(f"{expected} was expected, and came: {answer[:300]}")
    start = answer.index(b"\\r\\n\\r\\n") + 4
    fields = dict(line.lower().split(b": ", 1) for line in answer[:start].split(b"\\r\\n")[1:] if b": " in line)
    while len(answer) - start < int(fields.get(b"content-length", 0)):
        piece = connection.recv(65536)
        if not piece: break
        answer += piece
    count += 1
    if expected != b"200" or fields.get(b"connection") == b"close":
        connection.close()
        connection = None
print(count / (time.perf_counter() - begin))
"""


if __name__ == "__main__":
    main()
