internal import OCIDistribution
public import SemanticVersions

/// The idempotency key of a build that a push led to.
///
/// It tells the push from all others, and when it was. A caller cannot send one, because it has spaces. Two hooks may
/// tell of one push with times a moment apart, so keys are of one push when their hashes are equal; see
/// ``PushPlacement``.
public struct PushKey: Sendable, Equatable, CustomStringConvertible {
    private static let prefix = "github push "

    /// When the repository was pushed to, in seconds since 1970.
    let pushedAt: Int?
    /// A hash of the push and the webapp.
    let hash: String
    /// The version of an older push that the build had to be made again above, if that was so.
    private let floor: String?

    /// The key of the build of a webapp.
    /// - Parameter floor: The version of an older push that it is made again above.
    public init(_ push: Push, webapp: WebappName, above floor: VersionTag? = nil) {
        pushedAt = push.pushedAt
        self.floor = floor.map(\.tag)
        let fields = [push.repository, push.ref, push.before, push.after, webapp.description]
        // Each with its length in front, so that no two read the same.
        let text = fields.map { "\($0.utf8.count):\($0)" }.joined()
        hash = Digest.sha256(of: Array(text.utf8)).hex
    }

    /// Reads the key of a build; `nil` for a key of a caller.
    init?(_ text: String?) {
        guard let text, text.hasPrefix(Self.prefix) else { return nil }
        let parts = text.dropFirst(Self.prefix.count).split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3 else { return nil }
        pushedAt = Int(parts[0])
        hash = String(parts[1])
        floor = parts.count == 3 ? String(parts[2]) : nil
    }

    /// What is kept on the build.
    public var description: String {
        "\(Self.prefix)\(pushedAt.map(String.init) ?? "-") \(hash)\(floor.map { " \($0)" } ?? "")"
    }
}
