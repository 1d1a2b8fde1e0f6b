public import SemanticVersions

/// What the operator decided about versions.
public struct VersionPolicy: Sendable {
    /// The version of the first build of a repository.
    ///
    /// Default `v1.0.0`.
    public var initial: VersionTag
    /// Which tags count as versions; `nil` counts all that are versions.
    public var filter: TagFilter?
    /// The first identifier of prereleases when a caller names none.
    ///
    /// Default `rc`, as in `v1.2.0-rc.1`.
    public var prereleaseIdentifier: String

    /// Takes the operator's decisions.
    public init(initial: VersionTag, filter: TagFilter? = nil, prereleaseIdentifier: String = "rc") {
        self.initial = initial
        self.filter = filter
        self.prereleaseIdentifier = prereleaseIdentifier
    }
}
