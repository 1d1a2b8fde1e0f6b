import Builds

/// The last line that a build has said.
struct LogTail {
    private var filter = TerminalFilter()
    private var line = ""
    private var last = ""

    /// The most characters that are kept of a line.
    private static let longestLine = 1000

    /// The last line that is not blank, as far as it has come.
    mutating func read(_ chunk: [UInt8]) -> String {
        for character in filter.text(chunk) {
            if character == "\n" {
                if !line.isEmpty { last = line }
                line = ""
            } else if !(line.isEmpty && character.isWhitespace), line.utf8.count < Self.longestLine {
                line.append(character)
            }
        }
        return line.isEmpty ? last : line
    }

    /// Tells the last line again and again until the log ends; trouble with the log is nobody's trouble.
    static func follow(_ id: BuildID, of core: any Core, _ show: (String) -> Void) async {
        var pause = Duration.seconds(1)
        while !Task.isCancelled {
            var tail = LogTail()
            var hasEnded = false
            do {
                for try await chunk in try await core.log(of: id, .following) {
                    show(tail.read(chunk))
                    hasEnded = true
                }
                // A log that ends without a word may be one that has not begun.
                if hasEnded { return }
            } catch {
                // The progress is shown without it, and perhaps with it later.
            }
            try? await Task.sleep(for: pause)
            pause = min(pause * 2, .seconds(30))
        }
    }
}
