extension SemanticVersion {
    /// The version of these numbers with its lowest prerelease, `-0`: nothing lies between it and all that is lower than
    /// the numbers say.
    static func lowest(_ major: NumericIdentifier, _ minor: NumericIdentifier, _ patch: NumericIdentifier) -> Self {
        SemanticVersion(
            major: major, minor: minor, patch: patch, prerelease: [PrereleaseIdentifier(0)], buildMetadata: [])
    }

    /// The lowest of all versions.
    static let lowest = lowest(0, 0, 0)

    /// The release with the same three numbers.
    var core: SemanticVersion { SemanticVersion(major: major, minor: minor, patch: patch) }

    /// The version with the same three numbers and these prerelease identifiers.
    func with(_ prerelease: [PrereleaseIdentifier]) -> SemanticVersion {
        SemanticVersion(major: major, minor: minor, patch: patch, prerelease: prerelease, buildMetadata: [])
    }

    /// The version that follows with nothing in between, by precedence: the next patch's lowest prerelease after a release,
    /// one more identifier, the lowest, after a prerelease.
    var successor: SemanticVersion {
        isPrerelease ? with(prerelease + [PrereleaseIdentifier(0)]) : .lowest(major, minor, patch.incremented)
    }

    /// The release that a bump leads to, which is always higher than the version.
    ///
    /// A prerelease leads to the release it precedes where that is bump enough: `1.3.0-rc.1` becomes `1.3.0` by a minor or a
    /// patch bump, and `2.0.0` by a major one. A prerelease bump counts as a patch bump.
    func release(after bump: Bump) -> SemanticVersion {
        switch bump {
        case .major:
            isPrerelease && minor.isZero && patch.isZero
                ? core : SemanticVersion(major: major.incremented, minor: 0, patch: 0)
        case .minor:
            isPrerelease && patch.isZero
                ? core : SemanticVersion(major: major, minor: minor.incremented, patch: 0)
        case .patch, .prerelease:
            isPrerelease ? core : SemanticVersion(major: major, minor: minor, patch: patch.incremented)
        }
    }
}
