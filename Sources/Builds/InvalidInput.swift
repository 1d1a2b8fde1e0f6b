/// A value from a caller that cannot be used, with the name of the field that it came in.
public struct InvalidInput: Error, Sendable, Equatable, CustomStringConvertible {
    /// The field as the caller wrote it, such as `git.subdirectory`.
    public var field: String
    /// What is wrong and what would be right, in one sentence without the value's secrets.
    public var reason: String

    /// Names the field and the reason.
    public init(field: String, _ reason: String) {
        self.field = field
        self.reason = reason
    }

    /// `field: reason`.
    public var description: String { "\(field): \(reason)" }

    /// The value as it may be shown: at most 80 characters, control characters replaced.
    static func quoted(_ value: String) -> String {
        let shown = value.unicodeScalars.prefix(80).map { scalar -> Character in
            scalar.value < 0x20 || scalar.value == 0x7f ? "?" : Character(scalar)
        }
        return "\"\(String(shown))\(value.unicodeScalars.count > 80 ? "..." : "")\""
    }
}
