public import FoundationEssentials
internal import Synchronization

/// The builds that have ended and that this process has seen, for what a person wants to compare a build with.
///
/// Nothing is decided from it, and it ends with the process: Jobs and their records are cleaned away, and longer history
/// is for whoever collects the metrics.
public final class BuildHistory: Sendable {
    /// How many builds of one webapp are remembered, the newest.
    static let mostBuilds = 50
    /// How many webapps are remembered, those with the newest builds.
    static let mostWebapps = 500
    /// How many successes the usual duration is taken from.
    static let usualOf = 10

    /// The builds of one webapp, newest first.
    private struct Past {
        var builds: [Build] = []
        var usualDuration: Duration?
        var newest: Date { builds.first?.createdAt ?? .distantPast }

        /// Takes a build in, in its place.
        ///
        /// Cheap for what is known already: all builds there are come by with every change.
        mutating func remember(_ build: Build) {
            let next = builds.firstIndex { $0.createdAt <= build.createdAt } ?? builds.endIndex
            guard next < BuildHistory.mostBuilds else { return }
            let same = builds[next...].prefix { $0.createdAt == build.createdAt }.firstIndex { $0.id == build.id }
            if let same {
                guard builds[same] != build else { return }
                builds[same] = build
            } else {
                builds.insert(build, at: next)
                if builds.count > BuildHistory.mostBuilds { builds.removeLast() }
            }
            usualDuration = median
        }

        private var median: Duration? {
            let durations = builds.lazy.filter { $0.status == .succeeded }
                .compactMap { build in build.finishedAt.flatMap { build.duration(now: $0) } }
                .prefix(BuildHistory.usualOf).sorted()
            guard !durations.isEmpty else { return nil }
            return (durations[(durations.count - 1) / 2] + durations[durations.count / 2]) / 2
        }
    }

    /// When this process began to remember.
    public let since: Date
    private let ended = Mutex<[WebappName: Past]>([:])

    /// Remembers nothing yet.
    public init(since: Date = Date()) {
        self.since = since
    }

    /// The builds of a webapp that have ended, newest first.
    public func builds(of webapp: WebappName) -> [Build] { ended.withLock { $0[webapp]?.builds ?? [] } }

    /// The webapps that had builds.
    public var webapps: [WebappName] { ended.withLock { Array($0.keys) } }

    /// The median of how long the last builds of a webapp that succeeded took, from the start of their work; `nil` where
    /// none is known.
    public func usualDuration(of webapp: WebappName) -> Duration? { ended.withLock { $0[webapp]?.usualDuration } }

    /// Takes builds in; those that have not ended are left out, and those that are known are replaced.
    public func remember(_ builds: [Build]) {
        ended.withLock { ended in
            for build in builds where build.status.isFinal && build.finishedAt != nil {
                ended[build.webapp, default: Past()].remember(build)
            }
            guard ended.count > Self.mostWebapps else { return }
            let oldest = ended.sorted { $0.value.newest < $1.value.newest }.prefix(ended.count - Self.mostWebapps)
            for past in oldest { ended[past.key] = nil }
        }
    }
}
