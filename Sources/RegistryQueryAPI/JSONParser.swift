/// Why a text is no JSON, and where.
struct JSONSyntaxError: Error, Equatable, CustomStringConvertible {
    /// The line of the trouble, from 1.
    var line: Int
    /// The byte in that line, from 1.
    var column: Int
    /// What was expected or found there.
    var reason: String

    var description: String { "the body is no JSON: line \(line), column \(column): \(reason)" }
}

/// Reads one JSON text, strictly: no comments, no trailing commas, no byte order mark, valid UTF-8 only.
///
/// Spec: RFC 8259.
struct JSONParser {
    /// The deepest nesting that is read; no request needs more than three.
    static let deepest = 32

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// The value that the bytes spell.
    static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        parser.skipSpace()
        let value = try parser.value()
        parser.skipSpace()
        guard parser.position == bytes.count else { throw parser.error("something follows the value") }
        return value
    }

    private mutating func value() throws(JSONSyntaxError) -> JSONValue {
        guard let byte = peek else { throw error("a value is missing") }
        switch byte {
        case UInt8(ascii: "{"): return try nested { (parser) throws(JSONSyntaxError) in try parser.object() }
        case UInt8(ascii: "["): return try nested { (parser) throws(JSONSyntaxError) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw error("this cannot begin a value")
        }
    }

    private mutating func nested(
        _ read: (inout JSONParser) throws(JSONSyntaxError) -> JSONValue
    ) throws(JSONSyntaxError) -> JSONValue {
        guard depth < Self.deepest else { throw error("it is nested deeper than \(Self.deepest) levels") }
        depth += 1
        defer { depth -= 1 }
        position += 1
        return try read(&self)
    }

    private mutating func object() throws(JSONSyntaxError) -> JSONValue {
        var members: [JSONValue.Member] = []
        skipSpace()
        if skip(UInt8(ascii: "}")) { return .object([]) }
        while true {
            guard peek == UInt8(ascii: "\"") else { throw error("a member's name in double quotes is missing") }
            let name = try string()
            skipSpace()
            guard skip(UInt8(ascii: ":")) else { throw error("':' is missing after the name \"\(name.prefix(40))\"") }
            skipSpace()
            members.append(JSONValue.Member(name, try value()))
            skipSpace()
            if skip(UInt8(ascii: "}")) { return .object(members) }
            guard skip(UInt8(ascii: ",")) else { throw error("',' or '}' is missing") }
            skipSpace()
        }
    }

    private mutating func array() throws(JSONSyntaxError) -> JSONValue {
        var values: [JSONValue] = []
        skipSpace()
        if skip(UInt8(ascii: "]")) { return .array([]) }
        while true {
            values.append(try value())
            skipSpace()
            if skip(UInt8(ascii: "]")) { return .array(values) }
            guard skip(UInt8(ascii: ",")) else { throw error("',' or ']' is missing") }
            skipSpace()
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONSyntaxError) -> JSONValue {
        for byte in word.description.utf8 {
            guard skip(byte) else { throw error("this is not \(word)") }
        }
        return value
    }

    private mutating func number() throws(JSONSyntaxError) -> String {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) { try digits() }
        if skip(UInt8(ascii: ".")) { try digits() }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            try digits()
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func digits() throws(JSONSyntaxError) {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        guard position > start else { throw error("a digit is missing") }
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 { position += 1 }
    }

    private func error(_ reason: String) -> JSONSyntaxError {
        let before = bytes[..<min(position, bytes.count)]
        let line = before.count { $0 == 0x0a } + 1
        let column = before.count - (before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0) + 1
        return JSONSyntaxError(line: line, column: column, reason: reason)
    }
}

// MARK: Strings

extension JSONParser {
    private mutating func string() throws(JSONSyntaxError) -> String {
        position += 1
        let start = position
        var output: [UInt8] = []
        while let byte = peek {
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let text = String(validating: output, as: UTF8.self) else {
                    position = start
                    throw error("the string is not valid UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &output)
            case ..<0x20: throw error("a control character must be escaped within a string")
            default:
                output.append(byte)
                position += 1
            }
        }
        throw error("the string has no end")
    }

    private mutating func escape(into output: inout [UInt8]) throws(JSONSyntaxError) {
        position += 1
        guard let byte = peek else { throw error("the string has no end") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(byte)
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0c)
        case UInt8(ascii: "n"): output.append(0x0a)
        case UInt8(ascii: "r"): output.append(0x0d)
        case UInt8(ascii: "t"): output.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            output.append(contentsOf: String(try escapedScalar()).utf8)
            return
        default: throw error("there is no such escape")
        }
        position += 1
    }

    /// A scalar after `\u`, from one unit or a surrogate pair.
    private mutating func escapedScalar() throws(JSONSyntaxError) -> Unicode.Scalar {
        let high = try codeUnit()
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xdc00, skip(UInt8(ascii: "\\")), skip(UInt8(ascii: "u")) else {
            throw error("half of a surrogate pair is missing")
        }
        let low = try codeUnit()
        guard (0xdc00...0xdfff).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (high - 0xd800) << 10 + (low - 0xdc00))
        else { throw error("half of a surrogate pair is missing") }
        return scalar
    }

    private mutating func codeUnit() throws(JSONSyntaxError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw error("four hexadecimal digits must follow \\u")
            }
            unit = unit << 4 + UInt32(digit)
            position += 1
        }
        return unit
    }
}
