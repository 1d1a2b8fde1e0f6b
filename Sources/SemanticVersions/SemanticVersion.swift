/// A version as Semantic Versioning 2.0.0 defines it.
///
/// Two versions are equal when they are written alike, build metadata included. They are ordered by precedence, and those of
/// the same precedence by their build metadata, identifier by identifier in ASCII order. That last step has no meaning in
/// the specification, it makes the order total: exactly one of `a < b`, `a == b` and `a > b` holds. What asks for the
/// specification's own relation uses ``precedes(_:)``.
///
/// Spec: SemVer 2.0.0 clauses 2, 9, 10 and 11.
public struct SemanticVersion: Hashable, Sendable {
    /// The first number, raised by incompatible changes.
    public let major: NumericIdentifier

    /// The second number, raised by compatible additions.
    public let minor: NumericIdentifier

    /// The third number, raised by compatible fixes.
    public let patch: NumericIdentifier

    /// The identifiers after the `-`; empty for a release.
    public let prerelease: [PrereleaseIdentifier]

    /// The identifiers after the `+`, empty where there are none.
    ///
    /// They do not count for precedence.
    public let buildMetadata: [String]

    /// The release with these three numbers.
    public init(major: NumericIdentifier, minor: NumericIdentifier, patch: NumericIdentifier) {
        self.init(major: major, minor: minor, patch: patch, prerelease: [], buildMetadata: [])
    }

    /// The version of these parts, whose build metadata must have been validated.
    init(
        major: NumericIdentifier, minor: NumericIdentifier, patch: NumericIdentifier,
        prerelease: [PrereleaseIdentifier], buildMetadata: [String]
    ) {
        self.major = major
        self.minor = minor
        self.patch = patch
        self.prerelease = prerelease
        self.buildMetadata = buildMetadata
    }

    /// Whether the version has prerelease identifiers.
    public var isPrerelease: Bool { !prerelease.isEmpty }

    /// Whether the version has lower precedence than the other, build metadata ignored.
    ///
    /// Spec: SemVer 2.0.0 clause 11.
    public func precedes(_ other: SemanticVersion) -> Bool {
        if major != other.major { return major < other.major }
        if minor != other.minor { return minor < other.minor }
        if patch != other.patch { return patch < other.patch }
        if prerelease.isEmpty || other.prerelease.isEmpty { return isPrerelease && !other.isPrerelease }
        return prerelease.lexicographicallyPrecedes(other.prerelease)
    }
}

extension SemanticVersion: Comparable {
    /// Orders by precedence, then by build metadata.
    public static func < (lhs: SemanticVersion, rhs: SemanticVersion) -> Bool {
        if lhs.precedes(rhs) { return true }
        if lhs.buildMetadata == rhs.buildMetadata || rhs.precedes(lhs) { return false }
        return lhs.buildMetadata.lexicographicallyPrecedes(rhs.buildMetadata)
    }
}

extension SemanticVersion: LosslessStringConvertible {
    /// The version as the specification writes it, without a prefix.
    public var description: String {
        var text = "\(major).\(minor).\(patch)"
        if isPrerelease { text += "-" + prerelease.map(\.description).joined(separator: ".") }
        if !buildMetadata.isEmpty { text += "+" + buildMetadata.joined(separator: ".") }
        return text
    }
}
