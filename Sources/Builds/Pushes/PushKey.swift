internal import OCIDistribution

/// The idempotency key of a build that a push led to.
///
/// It tells the push from all others, and when it was. A caller cannot send one, because it has spaces.
public struct PushKey: Sendable, Equatable, CustomStringConvertible {
    private static let prefix = "github push "

    /// When the repository was pushed to, in seconds since 1970.
    let pushedAt: Int?
    /// A hash of the push and the webapp.
    let hash: String

    /// The key of the build of a webapp.
    public init(_ push: Push, webapp: WebappName) {
        pushedAt = push.pushedAt
        let fields = [push.repository, push.ref, push.before, push.after, webapp.description]
        // Each with its length in front, so that no two read the same.
        let text = fields.map { "\($0.utf8.count):\($0)" }.joined()
        hash = Digest.sha256(of: Array(text.utf8)).hex
    }

    /// Reads the key of a build; `nil` for a key of a caller.
    init?(_ text: String?) {
        guard let text, text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        pushedAt = Int(parts[0])
        hash = String(parts[1])
    }

    /// What is kept on the build.
    public var description: String { "\(Self.prefix)\(pushedAt.map(String.init) ?? "-") \(hash)" }
}
