import FoundationEssentials
import RegistryTesting

/// A Git server for smart HTTP: git's own, behind the few lines of Python that it takes to ask for a login first, to
/// redirect, and to be slow.
final class GitServer: Sendable {
    /// One request that the server saw.
    struct Request: Sendable, Decodable {
        var path: String
        /// The header as it came, if it did.
        var authorization: String?
    }

    /// `127.0.0.1:port`.
    let authority: String
    /// Where it is reached.
    let root: String
    private let repositories: TemporaryDirectory
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    private init(
        root: String, authority: String, repositories: TemporaryDirectory, directory: TemporaryDirectory,
        process: ServerProcess
    ) {
        self.root = root
        self.authority = authority
        self.repositories = repositories
        self.directory = directory
        self.process = process
    }

    deinit { process.close() }

    /// Starts a server on a free port.
    ///
    /// What comes before the repository in a URL says how it behaves: `open`, `private` (wants the login), `slow`,
    /// `redirect`, and `private-slow` and `private-redirect`, which want the login first.
    /// - Parameters:
    ///   - login: `user:password`.
    ///   - redirect: Where the last ones lead: a URL to which the rest is appended.
    static func start(
        repositories: TemporaryDirectory, login: String = "robot:s3cret", redirect: String = "",
        tls: TestAuthority? = nil
    ) async throws -> GitServer {
        let directory = try TemporaryDirectory()
        let pair = try await tls?.issue("git")
        let settings = Settings(
            root: repositories.path, login: login, redirect: redirect, log: directory.path("requests.log"),
            chain: pair?.chain, key: pair?.key)
        let script = try directory.write(script, to: "server.py")
        let json = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
        let process = try ServerProcess(["python3", script, json], name: "git-server", in: directory)
        let authority = try await process.word(after: "listening on ")
        return GitServer(
            root: "\(tls == nil ? "http" : "https")://\(authority)", authority: authority, repositories: repositories,
            directory: directory, process: process)
    }

    /// What the server was asked, in order.
    func requests() throws -> [Request] {
        guard let log = try? directory.read("requests.log") else { return [] }
        return try log.split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
    }

    private struct Settings: Encodable {
        var root: String
        var login: String
        var redirect: String
        var log: String
        var chain: String?
        var key: String?
    }

    private static let script = #"""
        import base64, http.server, json, os, ssl, subprocess, sys, threading

        settings = json.loads(sys.argv[1])
        expected = "Basic " + base64.b64encode(settings["login"].encode()).decode()
        lock = threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                given = self.headers.get("Authorization")
                with lock, open(settings["log"], "a") as log:
                    log.write(json.dumps({"path": self.path, "authorization": given}) + "\n")
                kind, _, rest = self.path[1:].partition("/")
                if kind.startswith("private") and given != expected:
                    return self.answer(401, [("WWW-Authenticate", 'Basic realm="git"')])
                if kind.endswith("slow"):
                    return threading.Event().wait(60)
                if kind.endswith("redirect"):
                    return self.answer(302, [("Location", settings["redirect"] + rest)])
                self.serve(rest, body)

            do_POST = do_GET

            def serve(self, rest, body):
                path, _, query = rest.partition("?")
                environment = {
                    "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": settings["root"], "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": "/" + path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                    "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "REMOTE_ADDR": "127.0.0.1"}
                output = subprocess.run(["git", "http-backend"], input=body, env=environment,
                                        stdout=subprocess.PIPE).stdout
                head, _, body = output.partition(b"\r\n\r\n")
                headers = [tuple(line.split(": ", 1)) for line in head.decode().split("\r\n")]
                status = next((int(value.split()[0]) for name, value in headers if name == "Status"), 200)
                self.answer(status, [header for header in headers if header[0] != "Status"], body)

            def answer(self, status, headers, body=b""):
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        if "chain" in settings:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(settings["chain"], settings["key"])
            server.socket = context.wrap_socket(server.socket, server_side=True)
        print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
        server.serve_forever()
        """#
}
