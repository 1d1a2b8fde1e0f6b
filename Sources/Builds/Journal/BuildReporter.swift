internal import FoundationEssentials
internal import HTTPTransport
internal import Logging
internal import OCIDistribution
internal import SemanticVersions

/// Tells of all builds in metrics and in the log, for the one process that leads.
struct BuildReporter {
    private let logger: Logger
    private var journal = BuildJournal()
    /// Builds that have ended and whose callers are still to be told.
    private var owed: [Build] = []

    /// Takes the lead.
    init(logger: Logger) {
        self.logger = logger
        BuildMetrics.leads(true)
    }

    /// Takes in all builds there are.
    /// - Parameter owed: Those that have ended and whose callers are still to be told.
    mutating func report(_ observations: [BuildJournal.Observation], owed: [Build], at now: Date) {
        for event in journal.observe(observations, at: now) { tell(event) }
        self.owed = owed
        refresh(at: now)
    }

    /// Lets what depends on the time alone go on, also while it is not known how the builds are.
    func refresh(at now: Date) {
        guard journal.hasBase else { return }
        // How one has ended may still be found out better; it runs no more.
        let open = journal.open.filter { !$0.status.isFinal }
        let queued = open.filter { $0.status == .queued }
        let running = open.filter { $0.status == .running && !$0.isHeldBack }
        BuildMetrics.gauges(
            BuildMetrics.Gauges(
                queued: queued.count, running: running.count,
                oldestQueued: queued.map(\.createdAt).age(at: now),
                oldestUndelivered: owed.compactMap(\.finishedAt).age(at: now)))
    }

    /// Gives up the lead: whoever leads tells from now on.
    func end() {
        BuildMetrics.leads(false)
        BuildMetrics.gauges(BuildMetrics.Gauges())
    }

    private func tell(_ event: BuildJournal.Event) {
        switch event {
        case .appeared(let build):
            // What ends later has to have been 0 before.
            for status in Build.Status.allCases where status.isFinal {
                BuildMetrics.builds(of: build.webapp, status, count: 0)
            }
        case .started(let build):
            let wait = max(build.startedAt?.timeIntervalSince(build.createdAt) ?? 0, 0)
            BuildMetrics.queued(for: wait)
            logger.info(
                "build started",
                metadata: ["build": "\(build.id)", "tag": "\(build.version.tag)", "queue_seconds": "\(wait.rounded3)"])
        case .entered(let build, let phase):
            logger.info("build phase began", metadata: ["build": "\(build.id)", "phase": "\(phase.rawValue)"])
        case .ended(let build):
            BuildMetrics.builds(of: build.webapp, build.status)
            BuildMetrics.durations(of: build)
            logEnd(of: build)
        }
    }

    /// A failure's reason is as much of the message as is this program's own: the end of the output, which may have anything in it, comes
    /// behind the first colon.
    private func logEnd(of build: Build) {
        var metadata: Logger.Metadata = [
            "build": "\(build.id)", "status": "\(build.status.rawValue)", "tag": "\(build.version.tag)",
        ]
        if build.status == .failed {
            metadata["phase"] = Build.Phase.allCases.last { build.phaseStarts[$0] != nil }.map { "\($0.rawValue)" }
            let message = build.message
            let words = message.firstRange(of: ": ").map { message[..<$0.lowerBound] } ?? message[...]
            metadata["reason"] = "\(redacted(words, limit: 300))"
        }
        if let digest = build.digest { metadata["digest"] = "\(digest)" }
        if let startedAt = build.startedAt, let finishedAt = build.finishedAt {
            metadata["duration_seconds"] = "\(max(finishedAt.timeIntervalSince(startedAt), 0).rounded3)"
        }
        logger.log(level: build.status == .failed ? .warning : .info, "build ended", metadata: metadata)
    }
}

extension [Date] {
    /// How long ago the earliest is, in seconds; 0 if there is none.
    fileprivate func age(at now: Date) -> TimeInterval {
        self.min().map { Swift.max(now.timeIntervalSince($0), 0) } ?? 0
    }
}

extension TimeInterval {
    /// To the millisecond, for people.
    fileprivate var rounded3: TimeInterval { (self * 1000).rounded() / 1000 }
}
