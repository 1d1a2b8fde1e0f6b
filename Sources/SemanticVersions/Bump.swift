/// Which part of a version the next one raises.
public enum Bump: String, CaseIterable, Sendable {
    /// The next major release, for incompatible changes.
    case major
    /// The next minor release, for compatible additions.
    case minor
    /// The next patch release, for fixes.
    case patch
    /// The next prerelease.
    case prerelease
}

extension Bump: Comparable {
    /// Orders by weight: prerelease, patch, minor, major.
    public static func < (lhs: Bump, rhs: Bump) -> Bool { lhs.weight < rhs.weight }

    private var weight: Int {
        switch self {
        case .prerelease: 0
        case .patch: 1
        case .minor: 2
        case .major: 3
        }
    }
}
