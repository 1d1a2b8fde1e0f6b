/// What a caller may do.
public enum AccessScope: String, Sendable, CaseIterable {
    /// To ask: tags, versions, builds, logs.
    case read
    /// To start and to cancel builds.
    case build
    /// To read the metrics, and nothing else; ``read`` includes it.
    case metrics

    /// What is granted, as messages name it.
    static let names = "read, build and metrics"

    /// Scopes as settings and files have them, separated by commas; `nil` unless each is one.
    static func list(_ text: some StringProtocol) -> Set<AccessScope>? {
        var scopes: Set<AccessScope> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard let scope = AccessScope(rawValue: String(Substring(part).trimmingBlanks)) else { return nil }
            scopes.insert(scope)
        }
        return scopes
    }
}

/// Who presents a token.
public struct Caller: Sendable, Equatable {
    /// The name of the token, or the namespace and name of a service account with a slash between them.
    ///
    /// It appears in logs and, as `requestedBy`, on builds.
    public let name: String
    /// What the caller may do.
    public let scopes: Set<AccessScope>

    /// Whether the caller may do that.
    func may(_ scope: AccessScope) -> Bool {
        scopes.contains(scope) || scope == .metrics && scopes.contains(.read)
    }

    /// Names of tokens have no slash.
    var isServiceAccount: Bool { name.contains("/") }
}
