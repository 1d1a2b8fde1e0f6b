import Glibc
import Synchronization

/// A few lines of a terminal that are drawn anew in place.
///
/// The cursor waits, hidden, where the block begins: whatever a terminal makes of longer lines when it is resized, the
/// block is what stands behind the cursor.
final class LiveBlock: Sendable {
    private let output: FileHandleOutput
    private let state = Mutex(State())

    private struct State {
        var shown = ""
        var hasEnded = false
    }

    /// Erases the block and shows the cursor.
    private static let restoration: StaticString = "\r\u{1b}[J\u{1b}[?25h"

    init(_ output: FileHandleOutput) {
        self.output = output
        // Whoever suspends the program wants a terminal as it was. The next frame hides the cursor again. Only calls
        // that are safe within a signal handler.
        signal(SIGTSTP) { _ in
            _ = Glibc.write(
                STDERR_FILENO, LiveBlock.restoration.utf8Start, LiveBlock.restoration.utf8CodeUnitCount)
            kill(getpid(), SIGSTOP)
        }
    }

    /// Draws the lines that `make` answers for a width; none after the end.
    func draw(_ make: (_ columns: Int) -> [StyledText]) {
        let (columns, rows) = output.size
        // In the last column some terminals go on to the next line.
        let lines = make(max(1, columns - 1)).prefix(max(1, rows - 1))
        let frame =
            "\u{1b}[?25l\r"
            + lines.map { $0.text(inColour: output.isColoured) + "\u{1b}[K" }.joined(separator: "\r\n")
            + "\u{1b}[J" + (lines.count > 1 ? "\u{1b}[\(lines.count - 1)A" : "") + "\r"
        state.withLock { state in
            guard !state.hasEnded, frame != state.shown else { return }
            state.shown = frame
            // Should the terminal be gone, the build still is to be waited for.
            try? output.write(frame)
        }
    }

    /// Leaves the terminal as it was found.
    func end() {
        state.withLock { state in
            guard !state.hasEnded else { return }
            state.hasEnded = true
            try? output.write("\(Self.restoration)")
        }
    }
}
