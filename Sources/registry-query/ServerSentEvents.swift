/// Takes the data out of a stream of events.
///
/// Spec: HTML, "Server-sent events", section 9.2.6; as far as this service uses it: lines end in LF or CRLF, and an event
/// has one line of data.
struct ServerSentEvents {
    /// The longest line that is read.
    static let longestLine = 1 << 20

    private var line: [UInt8] = []

    /// The data of the events that these bytes complete.
    mutating func read(_ bytes: [UInt8]) throws(ServiceError) -> [[UInt8]] {
        var found: [[UInt8]] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                line.append(byte)
                guard line.count <= Self.longestLine else {
                    throw ServiceError("the service sends an event with more than \(Self.longestLine) bytes")
                }
                continue
            }
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.starts(with: "data:".utf8) { found.append(Array(line.dropFirst(5).drop { $0 == 0x20 })) }
            line = []
        }
        return found
    }
}
