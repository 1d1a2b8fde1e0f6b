import RegistryTesting

/// An HTTP server that answers every request in the way it was started for, and remembers the requests with their tokens.
final class HostileServer: Sendable {
    /// What it does.
    enum Behavior: Sendable, CustomStringConvertible {
        /// An answer; `TOKEN` in it becomes the token that came.
        case answers(status: Int = 200, type: String = "application/json", body: String)
        case redirects(to: String)
        /// Answers a POST, and sends the piece again and again for as long as it is read where anything else is asked.
        case neverEnds(type: String, piece: String, started: String = "{}")

        fileprivate var arguments: [String] {
            switch self {
            case .answers(let status, let type, let body): ["answers", "\(status)", type, body]
            case .redirects(let location): ["redirects", location]
            case .neverEnds(let type, let piece, let started):
                ["neverEnds", "202", "application/json", started, type, piece]
            }
        }

        var description: String { "\(arguments)" }
    }

    let url: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    init(_ behavior: Behavior) async throws {
        directory = try TemporaryDirectory()
        process = try ServerProcess(
            ["python3", "-c", Self.script] + behavior.arguments, name: "hostile", in: directory)
        url = "http://127.0.0.1:\(try await process.word(after: "listening on "))"
    }

    func close() { process.close() }

    /// Each as method, path and `Authorization`.
    var requests: [String] {
        process.output.split(separator: "\n").filter { $0.hasPrefix("request ") }.map { String($0.dropFirst(8)) }
    }

    private static let script = """
        import http.server, sys

        mode, arguments = sys.argv[1], sys.argv[2:]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                token = self.headers.get("Authorization", "-")
                print("request", self.command, self.path, token, flush=True)
                if mode == "redirects":
                    self.send_response(307)
                    self.send_header("Location", arguments[0])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                elif mode == "answers" or self.command == "POST":
                    body = arguments[2].replace("TOKEN", token.removeprefix("Bearer ")).encode()
                    self.send_response(int(arguments[0]))
                    self.send_header("Content-Type", arguments[1])
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                else:
                    self.send_response(200)
                    self.send_header("Content-Type", arguments[3])
                    self.end_headers()
                    piece = arguments[4].encode() * 4096
                    while True:
                        self.wfile.write(piece)

            do_POST = do_DELETE = do_GET

            def log_message(self, *arguments):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *arguments):
                pass

        server = Server(("127.0.0.1", 0), Handler)
        print("listening on %d" % server.server_port, flush=True)
        server.serve_forever()
        """
}
