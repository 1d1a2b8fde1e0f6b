import Glibc
import SystemPackage

/// Standard output or standard error, written without a buffer in between.
struct FileHandleOutput: Sendable {
    static let standardOutput = FileHandleOutput(file: .standardOutput)
    static let standardError = FileHandleOutput(file: .standardError)

    private let file: FileDescriptor

    /// Whether a person looks at it.
    var isTerminal: Bool { isatty(file.rawValue) == 1 }

    /// How many columns the terminal has; 80 where that cannot be found out.
    var columns: Int {
        var size = winsize()
        guard ioctl(file.rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    func write(_ text: String) throws { try write(Array(text.utf8)) }

    func write(_ bytes: [UInt8]) throws { _ = try file.writeAll(bytes) }
}
