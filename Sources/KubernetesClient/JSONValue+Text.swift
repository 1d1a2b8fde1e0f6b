/// Why a text is not the JSON or YAML document that was expected.
public struct DocumentError: Error, Sendable, CustomStringConvertible {
    /// What is wrong and where, without the document's contents.
    public let description: String

    init(_ description: String) { self.description = description }
}

extension JSONValue {
    /// How deep documents may be nested.
    static let deepest = 100

    /// Reads a JSON document.
    /// - Throws: ``DocumentError`` for anything that is not one whole JSON document, for names that come twice, and for
    ///   more than 100 levels.
    public init(json bytes: [UInt8]) throws(DocumentError) {
        var reader = JSONReader(rest: bytes[...])
        self = try reader.document()
    }

    /// Writes the document without any white space between its parts.
    public func json() -> [UInt8] {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return bytes
    }

    private func write(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let number): bytes += number.description.utf8
        case .string(let text): writeQuoted(text, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                element.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in object.members.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                writeQuoted(member.name, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                member.value.write(to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }
}

private func writeQuoted(_ text: String, to bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""): bytes += #"\""#.utf8
        case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
        case 0x0A: bytes += #"\n"#.utf8
        case 0x0D: bytes += #"\r"#.utf8
        case 0x09: bytes += #"\t"#.utf8
        case 0..<0x20: bytes += "\\u00\(byte < 0x10 ? "0" : "")\(String(byte, radix: 16))".utf8
        default: bytes.append(byte)
        }
    }
    bytes.append(UInt8(ascii: "\""))
}

/// Reads a JSON document from the front of its bytes.
///
/// Spec: RFC 8259.
private struct JSONReader {
    var rest: ArraySlice<UInt8>

    mutating func document() throws(DocumentError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard rest.isEmpty else { throw failure("text follows the document") }
        return value
    }

    private func failure(_ reason: String) -> DocumentError {
        DocumentError("no valid JSON at byte \(rest.startIndex): \(reason)")
    }

    private mutating func skipSpace() {
        rest = rest.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x0D || $0 == 0x09 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest = rest.dropFirst()
        return true
    }

    private mutating func value(depth: Int) throws(DocumentError) -> JSONValue {
        guard depth <= JSONValue.deepest else { throw failure("more than \(JSONValue.deepest) levels") }
        skipSpace()
        switch rest.first {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the text ends too early")
        default:
            // Longer runs of digits are no number that anything here means.
            guard let length = JSONNumber.length(in: rest),
                let number = JSONNumber(String(decoding: rest.prefix(length), as: UTF8.self))
            else { throw failure("a value was expected") }
            rest = rest.dropFirst(length)
            return .number(number)
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(DocumentError) -> JSONValue {
        guard rest.starts(with: word.utf8) else { throw failure("a value was expected") }
        rest = rest.dropFirst(word.utf8.count)
        return value
    }

    private mutating func array(depth: Int) throws(DocumentError) -> JSONValue {
        _ = take(UInt8(ascii: "["))
        var elements: [JSONValue] = []
        skipSpace()
        if take(UInt8(ascii: "]")) { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            skipSpace()
            if take(UInt8(ascii: "]")) { return .array(elements) }
            guard take(UInt8(ascii: ",")) else { throw failure("\",\" or \"]\" was expected") }
        }
    }

    private mutating func object(depth: Int) throws(DocumentError) -> JSONValue {
        _ = take(UInt8(ascii: "{"))
        var object = JSONObject()
        skipSpace()
        if take(UInt8(ascii: "}")) { return .object(object) }
        while true {
            skipSpace()
            guard rest.first == UInt8(ascii: "\"") else { throw failure("a name was expected") }
            let name = try string()
            guard object[name] == nil else { throw failure("a name comes twice") }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("\":\" was expected") }
            object[name] = try value(depth: depth + 1)
            skipSpace()
            if take(UInt8(ascii: "}")) { return .object(object) }
            guard take(UInt8(ascii: ",")) else { throw failure("\",\" or \"}\" was expected") }
        }
    }

    private mutating func string() throws(DocumentError) -> String {
        _ = take(UInt8(ascii: "\""))
        var bytes: [UInt8] = []
        while let byte = rest.first {
            switch byte {
            case UInt8(ascii: "\""):
                rest = rest.dropFirst()
                guard let text = String(validating: bytes, as: UTF8.self) else { throw failure("a string is no UTF-8") }
                return text
            case UInt8(ascii: "\\"):
                rest = rest.dropFirst()
                bytes += String(try escaped()).utf8
            case 0..<0x20:
                throw failure("a control character in a string")
            default:
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        throw failure("the text ends within a string")
    }

    private mutating func escaped() throws(DocumentError) -> Unicode.Scalar {
        let byte = rest.popFirst()
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte ?? 0)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try codeUnit()
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // A high surrogate needs its low one behind it.
            guard (0xD800..<0xDC00).contains(unit), take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                throw failure("half a surrogate pair")
            }
            let low = try codeUnit()
            guard (0xDC00..<0xE000).contains(low),
                let scalar = Unicode.Scalar(0x10000 + (UInt32(unit) - 0xD800) << 10 + UInt32(low) - 0xDC00)
            else { throw failure("half a surrogate pair") }
            return scalar
        default: throw failure("an unknown escape")
        }
    }

    private mutating func codeUnit() throws(DocumentError) -> UInt16 {
        let digits = rest.prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let unit = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits were expected") }
        rest = rest.dropFirst(4)
        return unit
    }
}
