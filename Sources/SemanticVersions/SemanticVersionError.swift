/// Why a text is no semantic version.
public struct SemanticVersionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The part of a version that an error is about.
    public enum Part: String, Sendable {
        /// The first number.
        case major = "major number"
        /// The second number.
        case minor = "minor number"
        /// The third number.
        case patch = "patch number"
        /// What stands between the first `-` and the `+`.
        case prerelease
        /// What stands after the `+`.
        case buildMetadata = "build metadata"
    }

    /// What is wrong with a part.
    public enum Problem: String, Sendable {
        /// The number is not there.
        case missing = "is missing"
        /// Two dots stand side by side, or one at an end.
        case emptyIdentifier = "has an empty identifier"
        /// A number of several digits begins with zero.
        case leadingZero = "has a leading zero"
        /// A character stands where the grammar has no place for it.
        case unexpectedCharacter = "has a character that cannot stand there"
    }

    /// The part that is wrong.
    public let part: Part

    /// What is wrong with it.
    public let problem: Problem

    /// The whole text that was to be a version.
    public let text: String

    /// One sentence that names text, part and problem; the text quoted, printable and at most 64 characters of it.
    public var description: String {
        "\(text.excerpt) is no semantic version: its \(part.rawValue) \(problem.rawValue)"
    }
}
