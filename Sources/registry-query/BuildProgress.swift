import Builds
import FoundationEssentials
import OCIDistribution
import Synchronization

/// Shows a person how a build fares: one line that changes on a terminal, a line for each change elsewhere.
final class BuildProgress: Sendable {
    private let output: FileHandleOutput
    private let started: Date
    private let shown = Mutex("")
    private let ticker: Task<Void, Never>?
    private let current = Box()

    /// The build as it was last seen.
    private final class Box: Sendable {
        let build = Mutex<Build?>(nil)
    }

    init(output: FileHandleOutput, started: Date) {
        self.output = output
        self.started = started
        guard output.isTerminal else {
            ticker = nil
            return
        }
        // Time goes on while the build says nothing; the task ends with the progress.
        ticker = Task { [current] in
            while !Task.isCancelled {
                if let build = current.build.withLock({ $0 }) {
                    try? output.write("\r\u{1b}[K" + Self.line(build, started: started, columns: output.columns))
                }
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    func show(_ build: Build) throws {
        current.build.withLock { $0 = build }
        guard !output.isTerminal else { return }
        let line = "\(build.phase?.rawValue ?? build.status.rawValue): \(build.message)"
        let isNew = shown.withLock { shown in
            defer { shown = line }
            return shown != line
        }
        if isNew { try output.write(line + "\n") }
    }

    /// Leaves the terminal as it was found.
    func end() throws {
        ticker?.cancel()
        current.build.withLock { $0 = nil }
        if output.isTerminal { try output.write("\r\u{1b}[K") }
    }

    private static func line(_ build: Build, started: Date, columns: Int) -> String {
        let elapsed = Present.duration(.milliseconds(Int64(Date().timeIntervalSince(started) * 1000)))
        let text =
            "\(build.image.tag?.description ?? "")  \(elapsed)  \(build.phase?.rawValue ?? build.status.rawValue): \(build.message)"
        return String(text.prefix(max(columns - 1, 20)))
    }
}
