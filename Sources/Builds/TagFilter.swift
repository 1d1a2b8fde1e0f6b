internal import Synchronization

/// Decides which tags count as versions, for repositories that also carry, say, calendar versions.
public final class TagFilter: Sendable, CustomStringConvertible {
    /// The regular expression as it was configured.
    public let description: String
    // Matching is cheap and short; the lock is there because `Regex` is not Sendable.
    private let expression: Mutex<Regex<AnyRegexOutput>>

    /// Takes a regular expression; it may match anywhere in the tag unless it is anchored with `^` and `$`.
    /// - Throws: ``InvalidInput`` for the field `TAG_FILTER`.
    public init(_ pattern: String) throws(InvalidInput) {
        do {
            expression = Mutex(try Regex(pattern))
        } catch {
            throw InvalidInput(
                field: "TAG_FILTER", "\(InvalidInput.quoted(pattern)) is not a regular expression: \(error)")
        }
        description = pattern
    }

    /// Whether a tag counts.
    public func admits(_ tag: String) -> Bool {
        expression.withLock { expression in (try? expression.firstMatch(in: tag)) != nil }
    }
}
