internal import KubernetesClient

extension KubernetesJobBuilder {
    /// The longest time between two looks at a build that somebody follows: some of what is told depends on the time alone.
    private static let longestPause: Duration = .seconds(1)
    /// How often a build is looked at where no watch tells of changes.
    private static let pollInterval: Duration = .milliseconds(500)
    /// For how long a build is not given up while the API server does not answer.
    private static let longestSilence: Duration = .seconds(60)

    /// See ``Builder/updates(of:)``.
    ///
    /// Told by the watches where ``run(as:ended:)`` keeps them open, otherwise looked for.
    public func updates(of id: BuildID) -> AsyncThrowingStream<Build, any Error> {
        let listener = board.listen(to: id)
        let last = LastBuild()
        return AsyncThrowingStream { [self] in
            let known = last.build
            if known?.status.isFinal == true { return nil }
            var silence: (@Sendable () -> Duration)?
            while true {
                do {
                    var build = try await look(id, last: known)
                    // Cancelled, and its version given to another.
                    if let known, known.createdAt != build.createdAt { build = known.cancelled() }
                    if build != known {
                        last.build = build
                        return build
                    }
                    silence = nil
                } catch let error as KubernetesError where error.isTransient && known != nil {
                    let since = silence ?? clock.stopwatch()
                    silence = since
                    guard since() < Self.longestSilence else { throw error }
                }
                let pause = board.isLive ? Self.longestPause : Self.pollInterval
                try await listener.signal.wait(upTo: pause, on: clock)
            }
        }
    }

    /// A build as it is now.
    /// - Parameter last: What was seen of it before.
    private func look(_ id: BuildID, last: Build?) async throws -> Build {
        if board.isLive, let entry = board.entry(id) {
            // What has changed is told before the registry is asked about it, which may take a while; an end only after that.
            let seen = entry.found.recorded ?? entry.found.build(reading(entry))
            if !seen.status.isFinal, (seen.status, seen.phase) != (last?.status, last?.phase) { return seen }
            return try await settledInTime(entry)
        }
        if let build = try await build(id) { return build }
        guard let last else { throw BuildsError.unknown(id) }
        // Its Job is gone. One that had ended was cleaned away, the others were cancelled.
        if let entry = board.departed(id), entry.found.recorded != nil || entry.found.job.outcome != nil {
            return try await settledInTime(entry)
        }
        return try await cancelled(last)
    }
}
