/// The name a caller uses for a web application: one DNS label.
///
/// Spec: RFC 1123 section 2.1, as Kubernetes restates it: `[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63 characters.
public struct WebappName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The label.
    public let description: String

    /// Takes a name that is one DNS label.
    /// - Throws: ``InvalidInput`` for the field `webapp`.
    public init(_ text: String) throws(InvalidInput) {
        let bytes = Array(text.utf8)
        let isLabel =
            (1...63).contains(bytes.count)
            && bytes.allSatisfy { Self.isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
            && Self.isAlphanumeric(bytes[0]) && Self.isAlphanumeric(bytes[bytes.count - 1])
        guard isLabel else {
            throw InvalidInput(
                field: "webapp",
                "\(InvalidInput.quoted(text)) is not a DNS label (1 to 63 of a-z, 0-9 and '-', not at either end)")
        }
        description = text
    }

    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    /// Alphabetical order.
    public static func < (left: WebappName, right: WebappName) -> Bool { left.description < right.description }
}
