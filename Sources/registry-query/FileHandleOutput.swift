import FoundationEssentials
import Glibc
import SystemPackage

/// Standard output or standard error, written without a buffer in between.
struct FileHandleOutput: Sendable {
    static let standardOutput = FileHandleOutput(file: .standardOutput)
    static let standardError = FileHandleOutput(file: .standardError)

    private let file: FileDescriptor

    /// Whether a person looks at it.
    var isTerminal: Bool { isatty(file.rawValue) == 1 }

    /// Whether it is a terminal on which lines can be written over.
    var isScreen: Bool { isTerminal && !["", "dumb"].contains(Self.variable("TERM")) }

    /// Whether colours are shown.
    ///
    /// Spec: no-color.org
    var isColoured: Bool { isScreen && Self.variable("NO_COLOR").isEmpty }

    /// How many columns and rows the terminal has; 80 and 24 where that cannot be found out.
    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(file.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Prints text for people.
    func show(_ text: StyledText) throws { try write(Array(text.text(inColour: isColoured).utf8)) }

    /// Writes what is no text for people.
    func write(_ text: String) throws { try write(Array(text.utf8)) }

    /// Writes bytes as they are.
    func write(_ bytes: [UInt8]) throws { _ = try file.writeAll(bytes) }

    private static func variable(_ name: String) -> String { ProcessInfo.processInfo.environment[name] ?? "" }
}
