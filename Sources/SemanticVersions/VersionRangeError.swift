/// Why a text is no version range.
public struct VersionRangeError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The whole text that was to be a range.
    public let text: String

    /// Where the trouble begins, counted in bytes from 0.
    public let offset: Int

    /// What is wrong there.
    public let reason: String

    /// One sentence that names text, place (counted from 1) and reason; the text quoted and at most 64 characters of it.
    public var description: String {
        "\(text.excerpt) is no version range: at character \(offset + 1), \(reason)"
    }
}
