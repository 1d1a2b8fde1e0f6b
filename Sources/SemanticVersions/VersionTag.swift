/// A tag that is a version: `v1.2.3`, `1.2.3-rc.1`.
///
/// That is an optional lower-case `v` and a semantic version without build metadata, for a tag cannot carry its `+`; 128
/// characters at most. `1.2`, `01.2.3`, `2024.01.02`, `V1.2.3`, `latest` and `sha-0a1b2c3` are tags, yet no versions.
///
/// Spec: OCI Distribution 1.1 "Pulling manifests" (a tag's grammar); SemVer 2.0.0.
public struct VersionTag: Hashable, Sendable {
    /// The most characters that a tag may have.
    public static let maximumLength = 128

    /// The tag as the registry has it.
    public let tag: String

    /// The version that the tag spells.
    public let version: SemanticVersion

    /// Whether the tag begins with `v`.
    public let hasPrefix: Bool

    /// The version that the tag is, or nil if it is none.
    public init?(_ tag: String) {
        guard tag.utf8.count <= Self.maximumLength, let first = tag.utf8.first else { return nil }
        hasPrefix = first == UInt8(ascii: "v")
        let text = hasPrefix ? String(tag[...].dropFirstByte) : tag
        guard text.utf8.first?.isDecimalDigit == true, let version = SemanticVersion(text),
            version.buildMetadata.isEmpty
        else { return nil }
        self.version = version
        self.tag = tag
    }

    /// The tag of a version, or nil if the version has build metadata or is too long for a tag.
    ///
    /// - Parameters:
    ///   - version: The version to spell.
    ///   - hasPrefix: Whether to begin with `v`.
    public init?(version: SemanticVersion, hasPrefix: Bool) {
        let tag = (hasPrefix ? "v" : "") + version.description
        guard tag.utf8.count <= Self.maximumLength, version.buildMetadata.isEmpty else { return nil }
        self.tag = tag
        self.version = version
        self.hasPrefix = hasPrefix
    }
}

extension VersionTag: Comparable {
    /// Orders by version, and of the two spellings of one version the one without prefix is the lower.
    public static func < (lhs: VersionTag, rhs: VersionTag) -> Bool {
        lhs.version == rhs.version ? !lhs.hasPrefix && rhs.hasPrefix : lhs.version < rhs.version
    }
}

extension VersionTag: LosslessStringConvertible {
    /// The tag.
    public var description: String { tag }
}
