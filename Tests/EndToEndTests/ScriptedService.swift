import FoundationEssentials
import RegistryTesting

/// A service that says what a test wants it to say.
///
/// A build, `b`, goes through its states one after the other, each as soon as it is told to.
final class ScriptedService: Sendable {
    let url: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    /// Starts it.
    /// - Parameters:
    ///   - answers: Bodies by path.
    ///   - states: The states of the build, as JSON.
    ///   - log: What the build says; `nil` for trouble with the log.
    ///   - waits: Whether each state but the first waits for its file of ``go(_:)``.
    init(
        _ answers: [String: String] = [:], states: [String] = ["{}"], log: String? = "", waits: Bool = false
    ) async throws {
        directory = try TemporaryDirectory()
        let play = String(
            decoding: try JSONEncoder().encode(
                Play(answers: answers, states: states, log: log, go: waits ? directory.path("go") : nil)),
            as: UTF8.self)
        process = try ServerProcess(["python3", "-c", Self.script, play], name: "scripted", in: directory)
        url = "http://127.0.0.1:\(try await process.word(after: "listening on "))"
    }

    private struct Play: Encodable {
        var answers: [String: String]
        var states: [String]
        var log: String?
        var go: String?
    }

    /// The file that lets the build come to a state, from 1 on.
    func go(_ state: Int) -> String { directory.path("go\(state)") }

    /// Each as method, path and `Idempotency-Key`.
    var requests: [String] {
        process.output.split(separator: "\n").filter { $0.hasPrefix("request ") }.map { String($0.dropFirst(8)) }
    }

    func close() { process.close() }

    private static let script = """
        import http.server, json, os, sys, time

        play = json.loads(sys.argv[1])

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self, status, kind, body):
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self):
                key = self.headers.get("Idempotency-Key", "-")
                print("request", self.command, self.path, key, flush=True)
                path = self.path.split("?")[0]
                if path in play["answers"]:
                    self.answer(200, "application/json", play["answers"][path])
                elif self.command == "POST":
                    self.answer(202, "application/json", play["states"][0])
                elif path == "/builds/b/logs" and play.get("log") is not None:
                    self.send_response(200)
                    self.send_header("Content-Type", "text/plain; charset=utf-8")
                    self.end_headers()
                    self.wfile.write(play["log"].encode())
                    self.wfile.flush()
                    while "follow" in self.path and play.get("go") and not os.path.exists(play["go"] + "end"):
                        time.sleep(0.02)
                elif path == "/builds/b/events":
                    self.send_response(200)
                    self.send_header("Content-Type", "text/event-stream")
                    self.end_headers()
                    for index, state in enumerate(play["states"]):
                        while index and play.get("go") and not os.path.exists(play["go"] + str(index)):
                            time.sleep(0.02)
                        self.wfile.write(("event: build\\ndata: %s\\n\\n" % state).encode())
                        self.wfile.flush()
                elif path == "/builds/b":
                    self.answer(200, "application/json", play["states"][-1])
                else:
                    problem = {"code": "route_unknown", "message": "there is nothing at " + path}
                    self.answer(404, "application/problem+json", json.dumps(problem))

            do_POST = do_DELETE = do_GET

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *arguments):
                pass

        server = Server(("127.0.0.1", 0), Handler)
        print("listening on %d" % server.server_port, flush=True)
        server.serve_forever()
        """
}
