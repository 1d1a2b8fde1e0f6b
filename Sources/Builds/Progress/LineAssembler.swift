/// Makes lines of an output that comes in pieces, cut anywhere.
struct LineAssembler: Sendable {
    /// What is longer is cut off: it tells nothing about progress, however it begins.
    private static let longestLine = 4096

    /// The bytes since the last line break.
    private var rest: [UInt8] = []

    /// The lines that end in the next piece, without those that `mayMatter` rules out by their bytes.
    mutating func lines(in bytes: [UInt8], where mayMatter: ([UInt8]) -> Bool) -> [String] {
        var pieces = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)[...]
        let last = pieces.popLast() ?? []
        let lines: [String] = pieces.compactMap { piece in
            keep(piece)
            defer { rest.removeAll(keepingCapacity: true) }
            return mayMatter(rest) ? String(decoding: rest, as: UTF8.self) : nil
        }
        keep(last)
        return lines
    }

    private mutating func keep(_ piece: ArraySlice<UInt8>) {
        rest += piece.prefix(max(0, Self.longestLine - rest.count))
    }
}
