import Synchronization

/// Shows a person how a build fares: one line that changes on a terminal, a line for each change elsewhere.
final class BuildProgress: Sendable {
    private let output: FileHandleOutput
    private let shown = Mutex("")
    private let ticker: Task<Void, Never>?
    private let current = Box()

    /// The build as it was last seen.
    private final class Box: Sendable {
        let build = Mutex<BuildDocument?>(nil)
    }

    init(output: FileHandleOutput) {
        self.output = output
        guard output.isTerminal else {
            ticker = nil
            return
        }
        // Time goes on while the build says nothing; the task ends with the progress.
        let start = ContinuousClock.now
        ticker = Task { [current] in
            while !Task.isCancelled {
                if let build = current.build.withLock({ $0 }) {
                    try? output.write(
                        "\r\u{1b}[K" + Self.line(build, ContinuousClock.now - start, columns: output.columns))
                }
                try? await Task.sleep(for: .milliseconds(250))
            }
        }
    }

    func show(_ build: BuildDocument) throws {
        current.build.withLock { $0 = build }
        guard !output.isTerminal else { return }
        let line = "\(build.stage): \(build.message)"
        let isNew = shown.withLock { shown in
            defer { shown = line }
            return shown != line
        }
        if isNew { try output.write(line + "\n") }
    }

    /// Leaves the terminal as it was found.
    func end() {
        ticker?.cancel()
        current.build.withLock { $0 = nil }
        if output.isTerminal { try? output.write("\r\u{1b}[K") }
    }

    private static func line(_ build: BuildDocument, _ elapsed: Duration, columns: Int) -> String {
        let text = "\(build.tag)  \(Present.duration(elapsed))  \(build.stage): \(build.message)"
        return String(text.prefix(max(columns - 1, 20)))
    }
}
