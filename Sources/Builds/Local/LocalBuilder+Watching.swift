internal import FoundationEssentials
internal import Synchronization

extension LocalBuilder {
    /// How old what people who look on are told may be.
    static let onlookersPatience: Duration = .milliseconds(400)

    /// See ``Builder/snapshots()``.
    ///
    /// Looks twice a second, and reads what has changed.
    public func snapshots() -> AsyncThrowingStream<[Build], any Error> {
        let told = Mutex<Int?>(nil)
        return AsyncThrowingStream { [cache] in
            while true {
                if told.withLock({ $0 != nil }) { try await Task.sleep(for: .milliseconds(500)) }
                let content = try cache.content(upTo: Self.onlookersPatience)
                let isNew = told.withLock { told in
                    defer { told = content.generation }
                    return told != content.generation
                }
                if isNew { return try content.whole().newestFirst }
            }
        }
    }

    /// See ``Builder/glance(of:)``.
    ///
    /// Reads what has changed.
    public func glance(of webapp: WebappName?) async throws -> [Build] {
        try cache.content(upTo: Self.onlookersPatience).whole().filter { webapp == nil || $0.webapp == webapp }
    }

    /// Tells of all builds in metrics and in the log, for as long as this process is the one that does.
    func keepJournal() async {
        var reporter = BuildReporter(logger: logger)
        while !Task.isCancelled {
            // One that cannot be read silences no other; who looks after builds tells of it.
            if let content = try? cache.content(upTo: Self.onlookersPatience) {
                let builds = content.builds + content.damaged
                reporter.report(builds.map { BuildJournal.Observation(build: $0) }, owed: content.owed, at: Date())
            } else {
                reporter.refresh(at: Date())
            }
            try? await Task.sleep(for: .seconds(1))
        }
        reporter.end()
    }
}
