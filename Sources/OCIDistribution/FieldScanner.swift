/// Reads a header field's value from left to right.
///
/// Spec: RFC 9110 section 5.6.
struct FieldScanner {
    private let bytes: [UInt8]
    private var position = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// Spec: RFC 9110 section 5.6.2.
    static func isTokenByte(_ byte: UInt8) -> Bool { byte.isASCIIAlphanumeric || "!#$%&'*+-.^_`|~".utf8.contains(byte) }

    var isAtEnd: Bool { position == bytes.count }

    func isAt(_ byte: UInt8) -> Bool { position < bytes.count && bytes[position] == byte }

    /// Steps over a byte if it is the next one.
    mutating func take(_ byte: UInt8) -> Bool {
        guard isAt(byte) else { return false }
        position += 1
        return true
    }

    mutating func skip(_ condition: (UInt8) -> Bool) {
        while position < bytes.count, condition(bytes[position]) { position += 1 }
    }

    /// The bytes as long as the condition holds.
    mutating func text(_ condition: (UInt8) -> Bool) -> String {
        let start = position
        skip(condition)
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// The bytes before `end`, which is stepped over; `nil` when it does not come.
    mutating func text(until end: UInt8) -> String? {
        let start = position
        let found = text { $0 != end }
        guard take(end) else {
            position = start
            return nil
        }
        return found
    }

    /// The content of the quoted string that begins here, without its backslashes; `nil` when it does not end.
    mutating func quotedString() -> String? {
        guard take(UInt8(ascii: "\"")) else { return nil }
        var content: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\") where position < bytes.count:
                content.append(bytes[position])
                position += 1
            default:
                content.append(byte)
            }
        }
        return nil
    }

    /// What happens to be read by `parse`, or nothing read at all if that answers `nil`.
    mutating func attempt<Value>(_ parse: (inout FieldScanner) -> Value?) -> Value? {
        var ahead = self
        guard let value = parse(&ahead) else { return nil }
        self = ahead
        return value
    }
}
