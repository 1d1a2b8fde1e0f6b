internal import FoundationEssentials
internal import KubernetesClient

extension KubernetesJobBuilder {
    /// The shortest time between two looks for somebody who looks on.
    private static let shortestLook: Duration = .milliseconds(250)
    /// The longest time between two looks: some of what is told depends on the time alone.
    private static let longestLook: Duration = .seconds(1)

    /// See ``Builder/snapshots()``.
    ///
    /// While the watches are open nothing is asked for it.
    public func snapshots() -> AsyncThrowingStream<[Build], any Error> {
        let listener = board.listen(to: nil)
        let last = LastBuilds()
        return AsyncThrowingStream { [self] in
            while true {
                if last.builds != nil {
                    try await clock.sleep(for: board.isLive ? Self.shortestLook : Self.longestLook)
                }
                let builds = try await glance(of: nil).newestFirst
                if builds != last.builds {
                    last.builds = builds
                    return builds
                }
                try await listener.signal.wait(upTo: Self.longestLook, on: clock)
            }
        }
    }

    /// See ``Builder/glance(of:)``.
    ///
    /// While the watches are open nothing is asked for it.
    public func glance(of webapp: WebappName?) async throws -> [Build] {
        let entries =
            try await board.isLive
            ? board.entries.filter { webapp == nil || $0.found.webapp == webapp } : listedEntries(of: webapp)
        return entries.map { $0.found.recorded ?? $0.found.build(reading($0)) }
    }

    /// Tells of all builds in metrics and in the log, for as long as this process leads.
    func keepJournal() async {
        let listener = board.listen(to: nil)
        var reporter = BuildReporter(logger: logger)
        while !Task.isCancelled {
            if board.isLive {
                let observations = board.entries.map(observation)
                let owed = observations.map(\.build).filter { $0.status.isFinal && $0.owesCallback }
                reporter.report(observations, owed: owed, at: now())
            } else {
                reporter.refresh(at: now())
            }
            try? await clock.sleep(for: Self.shortestRound)
            try? await listener.signal.wait(upTo: Self.longestRound, on: clock)
        }
        reporter.end()
    }

    /// A build whose end is not recorded may turn out to have ended for another reason, or with a digest.
    func observation(of entry: BuildBoard.Entry) -> BuildJournal.Observation {
        if let build = entry.found.recorded { return BuildJournal.Observation(build: build) }
        let build = entry.found.build(reading(entry))
        // Who holds a cancelled build but for its callback records nothing.
        return BuildJournal.Observation(
            build: build, isSettled: build.status == .cancelled && !entry.found.isHeldByCallback)
    }
}
