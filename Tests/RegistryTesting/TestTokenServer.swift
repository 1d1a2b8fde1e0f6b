import FoundationEssentials

/// A token server of the Distribution kind: JSON Web Tokens signed by openssl, verified by the registry itself.
public final class TestTokenServer: Sendable {
    /// How the server behaves.
    public struct Behavior: Sendable {
        /// Who may have a token, by password; nobody listed means everybody.
        public var users: [String: String] = [:]
        /// Which identity tokens may have a token by POST.
        public var identityTokens: [String] = []
        /// What is granted of what is asked.
        public var actions: [String] = ["pull"]
        /// Under which names the token is in the answer.
        public var fields: [String] = ["token"]
        /// `expires_in`; not in the answer when `nil`.
        public var expiresIn: Int?
        /// The status of the answer to a POST, such as 404 of a server that knows GET only.
        public var postStatus = 200
        /// A query of the realm's own.
        public var realmQuery = ""

        /// A server that gives everybody what they ask for.
        public init() {}
    }

    /// One request that the server saw.
    public struct Request: Sendable, Decodable {
        /// `GET` or `POST`.
        public var method: String
        /// Path and query.
        public var target: String
        /// The decoded `user:password` of Basic authentication, if there was one.
        public var basic: String?
        /// The fields of a form.
        public var form: [String: String]
    }

    /// Where tokens are had.
    public let realm: String
    /// `127.0.0.1:port`.
    public let authority: String
    let certificatePath: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    static let service = "registry.test"
    static let issuer = "registry-query tests"

    private init(
        realm: String, authority: String, certificatePath: String, directory: TemporaryDirectory, process: ServerProcess
    ) {
        self.realm = realm
        self.authority = authority
        self.certificatePath = certificatePath
        self.directory = directory
        self.process = process
    }

    /// Starts a server on a free port of 127.0.0.1, by https when there is an authority for its certificate.
    public static func start(_ behavior: Behavior = Behavior(), tls: TestAuthority? = nil) async throws
        -> TestTokenServer
    {
        let directory = try TemporaryDirectory()
        let (key, certificate) = (directory.path("token.key"), directory.path("token.pem"))
        try await command(
            [
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=tokens",
                "-keyout", key,
                "-out", certificate,
            ])
        let pair = try await tls?.issue("token-server")
        let settings = Settings(
            users: behavior.users, identityTokens: behavior.identityTokens, actions: behavior.actions,
            fields: behavior.fields, expiresIn: behavior.expiresIn, postStatus: behavior.postStatus, key: key,
            certificate: certificate, issuer: issuer, log: directory.path("requests.log"), tlsChain: pair?.chain,
            tlsKey: pair?.key)
        let script = try directory.write(TokenServerScript.text, to: "server.py")
        let json = String(decoding: try JSONEncoder().encode(settings), as: UTF8.self)
        let process = try ServerProcess(["python3", script, json], name: "token-server", in: directory)
        let authority = try await process.word(after: "listening on ")
        let realm = "\(tls == nil ? "http" : "https")://\(authority)/token\(behavior.realmQuery)"
        return TestTokenServer(
            realm: realm, authority: authority, certificatePath: certificate, directory: directory, process: process)
    }

    /// What the server was asked, in order.
    public func requests() throws -> [Request] {
        guard let log = try? directory.read("requests.log") else { return [] }
        return try log.split(separator: "\n").map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
    }

    /// Ends the server.
    public func close() { process.close() }
}

private struct Settings: Encodable {
    var users: [String: String]
    var identityTokens: [String]
    var actions: [String]
    var fields: [String]
    var expiresIn: Int?
    var postStatus: Int
    var key: String
    var certificate: String
    var issuer: String
    var log: String
    var tlsChain: String?
    var tlsKey: String?
}
