import HTTPTransport
import HTTPTypes

/// The head of a final answer.
struct ResponseHead: Sendable {
    var status: Int
    var fields: HTTPFields
}

/// Puts heads together from the lines that libcurl hands over: those of interim answers, of the final one, and trailers.
struct HeadParser {
    /// Why a head is no use.
    enum Failure: Error, Equatable {
        case tooLarge
        /// A sentence about the line, without what it says.
        case malformed(String)
    }

    private var remainingBytes: Int
    private var status: Int?
    private var fields = HTTPFields()
    /// Whether the final head is complete.
    ///
    /// Lines that still come are trailers, which count but are not kept.
    private(set) var isComplete = false

    /// Reads heads of at most this many bytes, all of an exchange together.
    init(limit: Int) { remainingBytes = limit }

    /// Reads one line with its line end; answers the head when the line was the last one of the final answer's.
    mutating func read(_ line: UnsafeRawBufferPointer) throws(Failure) -> ResponseHead? {
        remainingBytes -= line.count
        guard remainingBytes >= 0 else { throw .tooLarge }
        guard !isComplete else { return nil }

        let text = line.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        if text.starts(with: "HTTP/".utf8) {
            status = try statusCode(text)
            fields = HTTPFields()
        } else if text.isEmpty {
            return try endOfHead()
        } else {
            try append(text)
        }
        return nil
    }

    private mutating func endOfHead() throws(Failure) -> ResponseHead? {
        guard let status else { throw .malformed("a header block begins without a status line") }
        if status == 101 { throw .malformed("the server switches to another protocol, which was not asked for") }
        guard status >= 200 else { return nil }
        // libcurl reads "5x" as 5. Spec: RFC 9112 section 6.3.
        let lengths = Set(fields[values: .contentLength])
        guard lengths.count <= 1, lengths.allSatisfy({ $0.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 } }) else {
            throw .malformed("the Content-Length is no number, or there are several")
        }
        isComplete = true
        return ResponseHead(status: status, fields: fields)
    }

    private func statusCode(_ line: Slice<UnsafeRawBufferPointer>) throws(Failure) -> Int {
        let words = line.split(separator: UInt8(ascii: " "), maxSplits: 2)
        guard words.count >= 2, words[1].count == 3, let code = Int(String(decoding: words[1], as: UTF8.self)),
            code >= 100
        else { throw .malformed("the status line has no status of three digits") }
        return code
    }

    private mutating func append(_ line: Slice<UnsafeRawBufferPointer>) throws(Failure) {
        if line.first == UInt8(ascii: " ") || line.first == UInt8(ascii: "\t") {
            // A folded line goes on with the value before it. Spec: RFC 9112 section 5.2.
            guard let last = fields.last else { throw .malformed("the header begins with a folded line") }
            let value = last.value + " " + String(decoding: trimmed(line), as: UTF8.self)
            fields[fields.index(before: fields.endIndex)] = HTTPField(name: last.name, value: value)
            return
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")),
            let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self))
        else { throw .malformed("a header line is no field") }
        fields.append(HTTPField(name: name, value: trimmed(line[line.index(after: colon)...])))
    }
}

private func trimmed(_ bytes: Slice<UnsafeRawBufferPointer>) -> Slice<UnsafeRawBufferPointer> {
    let start = bytes.drop { $0 == 0x20 || $0 == 0x09 }
    guard let last = start.lastIndex(where: { $0 != 0x20 && $0 != 0x09 }) else { return start.prefix(0) }
    return start[...last]
}
