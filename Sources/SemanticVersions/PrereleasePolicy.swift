/// Which prereleases count.
public enum PrereleasePolicy: String, CaseIterable, Sendable {
    /// None.
    case excluded
    /// All that lie in the range by precedence, as npm's `includePrerelease` has it.
    case included
    /// Those that lie in the range and whose three numbers the range itself names with a prerelease: `>=1.2.3-rc.1` counts
    /// `1.2.3-rc.2` and leaves `1.2.4-rc.1` out. That is npm's default. Without a range, none.
    case whereNamed
}
