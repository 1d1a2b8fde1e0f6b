"""Plays a workflow against a running service, as n8n would: the nodes one after the other, the requests for real.

What to play comes as JSON on the standard input, and what came of it goes as JSON to the standard output:

    {"workflow": "build-and-wait", "token": "...", "settings": {"baseUrl": "http://127.0.0.1:8080"}}
    {"end": "Built", "json": {"tag": "v1.0.0", ...}, "error": null, "requests": [{"node": "Build", "status": 202, ...}]}

- `settings` replace values of the node Settings; `baseUrl` also replaces where registry-query is in other nodes' URLs
- `token` is what the Header Auth credential has, `kubernetesToken` that of requests to `kubernetesUrl`
- `resumeWithin` is the limit of a Wait node in seconds; 0 plays that no call back comes in time
- `webhook` is what arrives at a Webhook node: `body`, `headers`, and the `secret` that GitHub would sign with

A Wait node's resume URL answers as n8n's does: 409 until the node is reached and after it was resumed, 404 for another
method than the node's.
"""

import hashlib
import hmac
import http.client
import http.server
import json
import queue
import sys
import threading
import time
import urllib.parse

import workflows
from expressions import UNDEFINED, evaluate

BASE = "http://registry-query.build-system.svc.cluster.local"
# Between tries; n8n's own time is for people.
PAUSE = 0.2
# A workflow that goes round more often than this does not end.
MOST_STEPS = 200


class PlayError(Exception):
    """Something that n8n would not do as it was written."""


class Receiver:
    """Stands in for n8n where a Wait node waits."""

    def __init__(self, method):
        receiver, self.calls, self.is_waiting, self.refused = self, queue.Queue(), threading.Event(), 0
        self.lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                with receiver.lock:
                    right = self.path == receiver.path
                    status = 404 if self.command != method or not right else 409
                    if status == 409 and receiver.is_waiting.is_set():
                        receiver.is_waiting.clear()
                        status = 200
                        receiver.calls.put((dict(self.headers.items()), body))
                    elif status == 409:
                        receiver.refused += 1
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_PUT = do_POST

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # With a signature in the query, which must come back as it is.
        self.path = "/webhook-waiting/231?signature=a%2Bb%3D&x=1"
        self.url = f"http://127.0.0.1:{self.server.server_port}{self.path}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, seconds):
        """What arrives within that time; `None` if nothing does."""
        self.is_waiting.set()
        try:
            return self.calls.get(timeout=seconds) if seconds else None
        except queue.Empty:
            return None
        finally:
            with self.lock:
                self.is_waiting.clear()


class Play:
    def __init__(self, order):
        self.order = order
        # Another execution each time, as in n8n.
        self.execution = str(time.time_ns())
        self.workflow = workflows.every()[order["workflow"]]
        self.outputs, self.runs, self.requests, self.response = {}, {}, [], None
        waits = [node for name, node in self.workflow.nodes.items() if self.workflow.kind(name) == "wait"]
        self.receiver = Receiver(waits[0]["parameters"]["httpMethod"]) if waits else None

    def run(self):
        """Plays to the end and answers what came of it."""
        name, item, error = self.workflow.trigger(), {"json": {}}, None
        for _ in range(MOST_STEPS):
            kind, node = self.workflow.kind(name), self.workflow.nodes[name]
            self.runs[name] = self.runs.get(name, -1) + 1
            if kind == "stopAndError":
                error = self.value(name, node["parameters"]["errorMessage"], item)
                break
            index, item = getattr(self, f"play_{kind}")(name, node, item)
            self.outputs[name] = item
            targets = self.workflow.outputs(name)
            if not targets:
                break
            (name,) = targets[index]
        else:
            raise PlayError(f"{self.order['workflow']} does not end")
        return {
            "end": name, "json": item["json"], "error": error, "requests": self.requests, "response": self.response,
            "refusedCallbacks": self.receiver.refused if self.receiver else 0,
        }

    def value(self, name, parameter, item):
        def lookup(reference):
            if reference.is_node:
                if reference.source not in self.outputs:
                    raise PlayError(f"{name} reads {reference}, which has not run")
                return self.outputs[reference.source]["json"]
            return {
                "$json": item["json"], "$runIndex": self.runs[name], "$workflow": {"id": "w8KxTn2vB1"},
                "$execution": {"id": self.execution, "resumeUrl": self.receiver and self.receiver.url},
            }[reference.source]

        value = evaluate(parameter, lookup)
        if value is UNDEFINED:
            raise PlayError(f"{name}: {parameter[:200]!r} is undefined")
        return value

    # The nodes: each answers the index of its output and the item there.

    def play_manualTrigger(self, name, node, item):
        return 0, {"json": {}}

    def play_webhook(self, name, node, item):
        sent = self.order["webhook"]
        body = sent["body"].encode()
        headers = {"content-type": "application/json", **{key.lower(): value for key, value in sent["headers"].items()}}
        if "secret" in sent:
            digest = hmac.new(sent["secret"].encode(), body, hashlib.sha256).hexdigest()
            headers["x-hub-signature-256"] = f"sha256={digest}"
        item = {"json": {"headers": headers, "params": {}, "query": {}, "body": {}}}
        if node["parameters"]["options"].get("rawBody"):
            item["binary"] = {"data": body}
        return 0, item

    def play_set(self, name, node, item):
        values = {}
        for assignment in node["parameters"]["assignments"]["assignments"]:
            values[assignment["name"]] = self.value(name, assignment["value"], item)
        if name == "Settings":
            values.update({key: value for key, value in self.order.get("settings", {}).items() if key in values})
        return 0, {"json": values}

    def play_switch(self, name, node, item):
        rules = node["parameters"]["rules"]["values"]
        for index, rule in enumerate(rules):
            (condition,) = rule["conditions"]["conditions"]
            left = self.value(name, condition["leftValue"], item)
            kind, operation = condition["operator"]["type"], condition["operator"]["operation"]
            if not isinstance(left, {"string": str, "boolean": bool, "number": int}[kind]):
                raise PlayError(f"{name}: {left!r} is no {kind}, and the validation is strict")
            right = condition["rightValue"]
            if {
                "equals": lambda: left == right, "notEmpty": lambda: left != "", "true": lambda: left,
                "lt": lambda: left < right,
            }[operation]():
                return index, item
        return len(rules), item

    def play_wait(self, name, node, item):
        limit = self.order.get("resumeWithin", 60)
        call = self.receiver.wait(limit)
        if call is None:
            return 0, item
        headers, body = call
        return 0, {"json": {"headers": headers, "params": {}, "query": {}, "body": json.loads(body)}}

    def play_respondToWebhook(self, name, node, item):
        parameters = node["parameters"]
        entries = parameters["options"].get("responseHeaders", {}).get("entries", [])
        self.response = {
            "status": self.value(name, parameters["options"]["responseCode"], item),
            "headers": {entry["name"]: self.value(name, entry["value"], item) for entry in entries},
            "body": self.value(name, parameters["responseBody"], item),
        }
        return 0, item

    def play_httpRequest(self, name, node, item):
        tries = node.get("maxTries", 3) if node.get("retryOnFail") else 1
        for remaining in reversed(range(tries)):
            try:
                return 0, self.request(name, node["parameters"], item)
            except RequestFailure as failure:
                if remaining:
                    time.sleep(PAUSE)
                    continue
                if node.get("onError") != "continueErrorOutput":
                    raise PlayError(f"{name}: {failure}") from failure
                return 1, {"json": {"error": {"message": str(failure)}}}

    def request(self, name, parameters, item):
        def pairs(key):
            listed = parameters.get(key, {}).get("parameters", [])
            return {entry["name"]: self.value(name, entry["value"], item) for entry in listed}

        settings = self.order.get("settings", {})
        url = self.value(name, parameters["url"], item).replace(BASE, settings.get("baseUrl", BASE))
        if pairs("queryParameters"):
            url += "?" + urllib.parse.urlencode(pairs("queryParameters"))
        headers, body = {"user-agent": "n8n"}, None
        if parameters.get("sendBody"):
            headers["content-type"], body = self.body(name, parameters, item, pairs)
        if "authentication" in parameters:
            in_cluster = "kubernetesUrl" in settings and url.startswith(settings["kubernetesUrl"])
            headers["authorization"] = "Bearer " + self.order["kubernetesToken" if in_cluster else "token"]
        elif "/apis/" in url:
            raise PlayError(f"{name} asks the cluster without a credential")
        headers.update({key.lower(): value for key, value in pairs("headerParameters").items()})
        status, answered, text = self.send(name, parameters, url, headers, body)
        how = parameters["options"].get("response", {}).get("response", {})
        if not 200 <= status < 300 and not how.get("neverError"):
            raise RequestFailure(f"{status} - {json.dumps(text)}")
        if how.get("responseFormat") == "text":
            whole = {how["outputPropertyName"]: text, "headers": answered, "statusCode": status, "statusMessage": ""}
            return {"json": whole}
        if "application/json" not in answered.get("content-type", ""):
            raise PlayError(f"{name}: n8n makes no fields of {answered.get('content-type')}")
        return {"json": json.loads(text)}

    def body(self, name, parameters, item, pairs):
        kind = parameters["contentType"]
        if kind == "json":
            return "application/json", json.dumps(pairs("bodyParameters")).encode()
        if kind == "binaryData":
            return "application/octet-stream", item["binary"][parameters["inputDataFieldName"]]
        if kind == "raw":
            return parameters["rawContentType"], self.value(name, parameters["body"], item).encode()
        raise PlayError(f"{name}: bodies of the kind {kind} are not played")

    def send(self, name, parameters, url, headers, body):
        target = urllib.parse.urlsplit(url)
        connection = http.client.HTTPConnection(target.netloc, timeout=parameters["options"]["timeout"] / 1000)
        note = {"node": name, "method": parameters["method"], "target": url[url.index(target.netloc) + len(target.netloc):]}
        self.requests.append(note)
        try:
            connection.request(parameters["method"], note["target"], body=body, headers=headers)
            answer = connection.getresponse()
            text = answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise RequestFailure(str(error) or type(error).__name__) from error
        finally:
            connection.close()
        note["status"] = answer.status
        return answer.status, {key.lower(): value for key, value in answer.getheaders()}, text


class RequestFailure(Exception):
    """A request without an answer of success."""


if __name__ == "__main__":
    print(json.dumps(Play(json.load(sys.stdin)).run()))
