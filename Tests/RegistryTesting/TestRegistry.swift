import FoundationEssentials

/// Debian's `docker-registry` on a free port of 127.0.0.1, with its storage in a temporary directory.
public final class TestRegistry: Sendable {
    /// Whom the registry lets in.
    public enum Authentication: Sendable {
        /// Everybody.
        case none
        /// Users with passwords, by a Basic challenge.
        case htpasswd([String: String])
        /// Those with a token, by a Bearer challenge.
        case token(TestTokenServer)
    }

    /// `127.0.0.1:port`.
    public let authority: String
    /// The port.
    public let port: Int
    /// `http://127.0.0.1:port`, or https.
    public let url: String
    /// Where the registry keeps its content.
    let storage: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    private init(authority: String, port: Int, url: String, directory: TemporaryDirectory, process: ServerProcess) {
        self.authority = authority
        self.port = port
        self.url = url
        self.directory = directory
        self.process = process
        storage = directory.path("storage/docker/registry/v2")
    }

    /// Starts a registry.
    ///
    /// - Parameters:
    ///   - authentication: whom it lets in.
    ///   - tls: the authority of its certificate; plain http without one.
    ///   - port: where it listens; a free port by default.
    ///   - notifications: an URL that is told about pushes.
    public static func start(
        _ authentication: Authentication = .none, tls: TestAuthority? = nil, port: Int = 0, notifications: String? = nil
    ) async throws -> TestRegistry {
        let directory = try TemporaryDirectory(.memory)
        var settings = """
            version: 0.1
            log: {level: info, formatter: text}
            storage: {filesystem: {rootdirectory: "\(directory.path("storage"))"}, maintenance: {uploadpurging: {enabled: false}}}
            http:
              addr: "127.0.0.1:\(port)"
              secret: of-a-test

            """
        if let pair = try await tls?.issue("registry") {
            settings += "  tls: {certificate: \"\(pair.chain)\", key: \"\(pair.key)\"}\n"
        }
        switch authentication {
        case .none:
            break
        case .htpasswd(let users):
            try await writeUsers(users, directory)
            settings += "auth: {htpasswd: {realm: of-a-test, path: \"\(directory.path("htpasswd"))\"}}\n"
        case .token(let server):
            settings += """
                auth: {token: {realm: "\(server.realm)", service: "\(TestTokenServer.service)", \
                issuer: "\(TestTokenServer.issuer)", rootcertbundle: "\(server.certificatePath)"}}

                """
        }
        if let notifications {
            settings += """
                notifications: {endpoints: [{name: test, url: "\(notifications)", timeout: 1s, threshold: 3, backoff: 100ms}]}

                """
        }
        let file = try directory.write(settings, to: "config.yml")
        let process = try ServerProcess(["docker-registry", "serve", file], name: "registry", in: directory)
        let authority = try await process.word(after: "listening on ").filter { $0 != "," }
        guard let port = authority.split(separator: ":").last.flatMap({ Int($0) }) else {
            throw TestingError("\"\(authority)\" is not where a registry listens")
        }
        return TestRegistry(
            authority: authority, port: port, url: "\(tls == nil ? "http" : "https")://\(authority)",
            directory: directory,
            process: process)
    }

    /// Replaces the users of a registry with htpasswd, which sees it at the next request.
    public func setUsers(_ users: [String: String]) async throws {
        let before =
            try FileManager.default.attributesOfItem(atPath: directory.path("htpasswd"))[.modificationDate] as? Date
        try await Self.writeUsers(users, directory)
        // It looks at the time of the file, which may be coarse.
        try FileManager.default.setAttributes(
            [.modificationDate: (before ?? Date()).addingTimeInterval(2)], ofItemAtPath: directory.path("htpasswd"))
    }

    /// The requests that the registry has answered, as `GET /v2/... 200`, in order.
    public func requests() -> [String] {
        process.output.split(separator: "\n").compactMap { line in
            // Apache's combined format: host - user [time] "GET /v2/ HTTP/1.1" 200 2 "" "agent".
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false)
            guard parts.count > 2 else { return nil }
            let request = parts[1].split(separator: " ")
            guard request.count == 3, let status = parts[2].split(separator: " ").first else { return nil }
            return "\(request[0]) \(request[1]) \(status)"
        }
    }

    /// The process id, for signals.
    public var pid: Int32 { process.pid }

    /// Sends a signal, `SIGSTOP` for a registry that hangs.
    public func signal(_ signal: Int32) { process.signal(signal) }

    /// Ends the registry.
    public func close() { process.close() }

    private static func writeUsers(_ users: [String: String], _ directory: TemporaryDirectory) async throws {
        var lines = ""
        for (name, password) in users.sorted(by: { $0.key < $1.key }) {
            lines += try await command(["htpasswd", "-Bbn", name, password]).filter { $0 != "\n" } + "\n"
        }
        try directory.write(lines, to: "htpasswd")
    }
}
