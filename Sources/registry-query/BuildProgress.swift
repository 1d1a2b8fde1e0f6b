import Synchronization

/// Shows a person how a build fares: a block that changes on a terminal, a line for each phase and step elsewhere.
final class BuildProgress: Sendable {
    private let output: FileHandleOutput
    private let block: LiveBlock?
    private let state = Mutex(State())

    private struct State {
        var build: BuildDocument?
        /// When the build was last told of.
        var toldAt = ContinuousClock.now
        var queuedSince = ContinuousClock.now
        var lastLine = ""
        var stage: BuildView.Stage?

        var view: BuildView? {
            build.map { build in
                let now = ContinuousClock.now
                let elapsed = build.duration.map { $0 + (now - toldAt) } ?? (now - queuedSince)
                return BuildView(build: build, elapsed: elapsed, lastLine: lastLine)
            }
        }
    }

    init(output: FileHandleOutput) {
        self.output = output
        block = output.isScreen ? LiveBlock(output) : nil
    }

    /// Whether the last line of the log is shown, and time goes on while the build says nothing.
    var isLive: Bool { block != nil }

    /// Shows what the build has come to.
    func show(_ build: BuildDocument) throws {
        let line = state.withLock { state -> StyledText? in
            state.build = build
            state.toldAt = .now
            guard let view = state.view, view.stage != state.stage else { return nil }
            state.stage = view.stage
            return view.line
        }
        if block != nil {
            redraw()
        } else if let line {
            try output.show(line)
        }
    }

    /// Shows what the build has said last.
    func show(lastLine: String) { state.withLock { $0.lastLine = lastLine } }

    /// Shows the time as it is now.
    func redraw() {
        guard let block, let view = state.withLock({ $0.view }) else { return }
        block.draw { view.lines(columns: $0) }
    }

    /// Leaves the terminal as it was found.
    func end() { block?.end() }
}
