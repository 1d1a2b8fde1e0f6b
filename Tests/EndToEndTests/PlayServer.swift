import FoundationEssentials
import RegistryTesting

/// An HTTP server that answers every request with the same web page, at once or when it is told to.
final class PlayServer: Sendable {
    let url: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    /// Starts the server.
    /// - Parameter holding: Whether requests wait for ``release()``.
    init(holding: Bool = false) async throws {
        directory = try TemporaryDirectory()
        process = try ServerProcess(
            ["python3", "-c", Self.script, holding ? directory.path("release") : ""], name: "play", in: directory)
        url = "http://127.0.0.1:\(try await process.word(after: "listening on "))"
    }

    /// Answers what waits, and everything from now on.
    func release() throws { try directory.write("", to: "release") }

    func close() { process.close() }

    /// How many requests have come so far.
    var requestCount: Int { process.output.split(separator: "\n").count { $0.hasPrefix("request") } }

    private static let script = """
        import http.server, os, sys, time

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                print("request", self.path, flush=True)
                while sys.argv[1] and not os.path.exists(sys.argv[1]):
                    time.sleep(0.02)
                body = b"<html>Please log in</html>"
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_POST = do_GET

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        print("listening on %d" % server.server_port, flush=True)
        server.serve_forever()
        """
}
