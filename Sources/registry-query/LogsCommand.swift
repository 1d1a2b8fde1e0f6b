import ArgumentParser
import Builds
import FoundationEssentials

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Print what a build has said.",
        discussion: """
            In a pipe the log is what it is, byte by byte. On a terminal colours stay, and all else that a terminal would obey is \
            left out. With --output json each piece is a document {"log": "..."} of whole lines, a line each.

            Examples:
              registry-query logs build-app-example-v1-2-3
              registry-query logs build-app-example-v1-2-3 --follow
            """)

    @Argument(help: "The build's id, as `builds` shows it.") var build: String
    @Flag(help: "Go on until the build has ended.") var follow = false
    @OptionGroup var common: CommonOptions

    /// A longer line is cut into several documents.
    private static let longestLine = 1 << 20

    func run() async throws {
        let id = try BuildID(build)
        try await common.withCore { core in
            var rest: [UInt8] = []
            let (output, isTerminal) = (FileHandleOutput.standardOutput, FileHandleOutput.standardOutput.isTerminal)
            var filter = TerminalFilter(keepsColours: output.isColoured)
            // A colour that the log leaves on would be that of the prompt.
            defer { if common.output == .text, output.isColoured { try? output.write("\u{1b}[0m") } }
            for try await chunk in try await core.log(of: id, follow ? .following : .soFar) {
                guard common.output == .json else {
                    try output.write(isTerminal ? Array(filter.text(chunk).utf8) : chunk)
                    continue
                }
                rest += chunk
                // Cut after a line, lest the bytes of one character come to be in two documents.
                let end = rest.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
                if end > 0 { try Self.print(rest[..<end]) }
                rest.removeFirst(end)
                if rest.count > Self.longestLine {
                    try Self.print(rest[...])
                    rest = []
                }
            }
            if !rest.isEmpty { try Self.print(rest[...]) }
        }
    }

    private static func print(_ bytes: ArraySlice<UInt8>) throws {
        let document = try JSONEncoder().encode(["log": String(decoding: bytes, as: UTF8.self)])
        try FileHandleOutput.standardOutput.write(String(decoding: document, as: UTF8.self).withEscapedControls + "\n")
    }
}
