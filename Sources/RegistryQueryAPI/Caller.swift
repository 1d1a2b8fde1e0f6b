/// What a token allows.
public enum AccessScope: String, Sendable, CaseIterable {
    /// To ask: tags, versions, builds, logs.
    case read
    /// To start and to cancel builds.
    case build
}

/// Who presents a token.
public struct Caller: Sendable, Equatable {
    /// The name of the token, which appears in logs and, as `requestedBy`, on builds.
    public let name: String
    /// What the caller may do.
    public let scopes: Set<AccessScope>
}
