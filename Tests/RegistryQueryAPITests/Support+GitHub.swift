import Builds
import FoundationEssentials
import Logging
import OCIDistribution
import Testing

@testable import RegistryQueryAPI

/// A GitHub that signs what it delivers.
struct GitHubStub: Sendable {
    static let secret = "It's a Secret to Everybody"

    /// HMAC-SHA-256 as the specification has it, to check the service's own against.
    ///
    /// Spec: RFC 2104 section 2.
    static func signature(_ body: [UInt8], secret: String = secret) -> String {
        func sha256(_ bytes: [UInt8]) -> [UInt8] {
            let digits = Array(Digest.sha256(of: bytes).hex)
            return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...$0 + 1]), radix: 16) }
        }
        var key = Array(secret.utf8)
        if key.count > 64 { key = sha256(key) }
        key += Array(repeating: 0, count: 64 - key.count)
        let code = sha256(key.map { $0 ^ 0x5c } + sha256(key.map { $0 ^ 0x36 } + body))
        return "sha256=" + code.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
    }

    /// The webhook that a service has: `*` and the branch main, unless told otherwise.
    static func webhook(
        secrets: [String] = [secret], paths: String = "*", url: String? = "https://git.example/webapps.git",
        answerWithin: Duration = .seconds(20)
    ) throws -> GitHubWebhook {
        let directory = try ScratchDirectory()
        try directory.write(secrets.joined(separator: "\n") + "\n", to: "secret")
        var webhook = GitHubWebhook(
            secrets: try GitHubWebhookSecrets(
                path: "\(directory.path)/secret", logger: Logger(label: "test") { _ in LogCollector() }),
            git: GitDefaults(url: url), paths: try WebappPaths(paths))
        webhook.answerWithin = answerWithin
        webhook.longestCancellation = .seconds(60)
        return webhook
    }

    /// The configuration of a service with that webhook.
    static func configuration(_ webhook: GitHubWebhook) -> RegistryQueryAPI.Configuration { .with(\.github, webhook) }
}

/// The payload of a push with all that GitHub documents of it, and example values.
struct PushPayload: Sendable {
    struct Commit: Sendable {
        var id: String
        var message: String
        var added: [String] = []
        var modified: [String] = []
        var removed: [String] = []

        init(_ message: String, _ modified: String..., id: Int = 1, added: [String] = [], removed: [String] = []) {
            self.id = PushPayload.id(id)
            self.message = message
            self.added = added
            self.modified = modified
            self.removed = removed
        }

        var json: JSONValue {
            let person: JSONValue = [
                "name": "Mona Lisa Octocat", "email": "octocat@example.org", "date": "2026-11-22T20:49:55Z",
                "username": "octocat",
            ]
            return [
                "id": .string(id), "tree_id": .string(PushPayload.id(4096)), "distinct": true,
                "message": .string(message), "timestamp": "2026-11-22T21:49:55+01:00",
                "url": .string("https://github.com/example/webapps/commit/\(id)"), "author": person,
                "committer": person, "added": .texts(added), "removed": .texts(removed), "modified": .texts(modified),
            ]
        }
    }

    var commits: [Commit]
    var ref = "refs/heads/main"
    var before = id(0)
    var pushedAt: JSONValue = 1_795_377_001
    var after: String?
    /// Members of the document that are other than usual, by name.
    var changes: [String: JSONValue] = [:]

    init(_ commits: Commit...) { self.commits = commits }

    /// The same payload but for some changes.
    func with(_ change: (inout PushPayload) -> Void) -> PushPayload {
        var payload = self
        change(&payload)
        return payload
    }

    static func id(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "b", count: 40 - digits.count) + digits
    }

    var json: JSONValue {
        let base = "https://api.github.com/repos/example/webapps"
        let sender: JSONValue = [
            "login": "octocat", "id": 583_231, "node_id": "MDQ6VXNlcjU4MzIzMQ==",
            "avatar_url": "https://avatars.githubusercontent.com/u/583231?v=4", "gravatar_id": "",
            "url": "https://api.github.com/users/octocat", "html_url": "https://github.com/octocat", "type": "User",
            "site_admin": false,
        ]
        let head = after ?? commits.last?.id ?? Self.id(1)
        let members: [(String, JSONValue)] = [
            ("ref", .string(ref)), ("before", .string(before)), ("after", .string(head)),
            (
                "repository",
                [
                    "id": 1_296_269, "node_id": "MDEwOlJlcG9zaXRvcnkxMjk2MjY5", "name": "webapps",
                    "full_name": "example/webapps", "private": true, "owner": ["name": "example", "email": nil],
                    "html_url": "https://github.com/example/webapps", "description": nil, "fork": false,
                    "url": "https://github.com/example/webapps", "hooks_url": .string("\(base)/hooks"),
                    "contents_url": .string("\(base)/contents/{+path}"), "created_at": 1_600_000_000,
                    "updated_at": "2026-11-22T20:40:00Z", "pushed_at": pushedAt,
                    "git_url": "git://github.com/example/webapps.git", "ssh_url": "git@github.com:example/webapps.git",
                    "clone_url": "https://github.com/example/webapps.git", "size": 1024, "stargazers_count": 0,
                    "language": "HTML", "topics": [], "visibility": "private", "default_branch": "main",
                    "master_branch": "main",
                ]
            ), ("pusher", ["name": "octocat", "email": "octocat@example.org"]), ("sender", sender), ("created", false),
            ("deleted", false), ("forced", false), ("base_ref", nil),
            ("compare", "https://github.com/example/webapps/compare/a...b"),
            ("commits", .array(commits.map(\.json))), ("head_commit", commits.last?.json ?? .null),
        ]
        return .object(members.map { .init($0.0, changes[$0.0] ?? $0.1) })
    }

    var text: String { String(decoding: json.utf8, as: UTF8.self) }
}

extension TestService {
    /// Delivers a body as GitHub does.
    func deliver(
        _ body: String, event: String = "push", secret: String = GitHubStub.secret,
        contentType: String = "application/json"
    ) async throws -> Reply {
        try await send(
            "POST", "/webhooks/github",
            [
                ("Content-Type", contentType), ("User-Agent", "GitHub-Hookshot/044aadd"), ("X-GitHub-Event", event),
                ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"), ("X-GitHub-Hook-ID", "292430182"),
                ("X-Hub-Signature-256", GitHubStub.signature(Array(body.utf8), secret: secret)),
            ], body: body)
    }

    func deliver(_ payload: PushPayload) async throws -> Reply { try await deliver(payload.text) }
}
