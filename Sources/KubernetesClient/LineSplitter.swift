/// Finds lines in bytes that come in pieces cut anywhere.
struct LineSplitter {
    private var buffer: [UInt8] = []
    private var start = 0
    /// Everything before this has been searched for a line break.
    private var searched = 0

    /// What follows the last line break.
    var rest: ArraySlice<UInt8> { buffer[start...] }

    mutating func append(_ bytes: [UInt8]) {
        buffer.removeSubrange(..<start)
        searched -= start
        start = 0
        buffer += bytes
    }

    /// The next whole line without its line break.
    mutating func next() -> ArraySlice<UInt8>? {
        guard let end = buffer[searched...].firstIndex(of: 0x0A) else {
            searched = buffer.endIndex
            return nil
        }
        defer {
            start = end + 1
            searched = start
        }
        return buffer[start..<end]
    }
}
