/// Why there is no next version.
public struct NextVersionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of reason, for callers to match and for metrics to count.
    public enum Code: String, CaseIterable, Sendable {
        /// The prerelease identifier is not one.
        case invalidPrereleaseIdentifier = "invalid_prerelease_identifier"
        /// The range has no room for the version that the bump leads to.
        case outsideRange = "outside_range"
        /// The range holds no release to begin with.
        case emptyRange = "empty_range"
        /// The version that the bump leads to exists already.
        case alreadyExists = "already_exists"
        /// The version that the bump leads to is too long for a tag.
        case tooLong = "too_long"
    }

    /// The kind of reason.
    public let code: Code

    /// One sentence: what was asked for, what it leads to and what stands against it.
    public let description: String
}
