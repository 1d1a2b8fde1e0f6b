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

    /// When this process began to remember.
    public let since: Date
    private let ended = Mutex<[WebappName: [Build]]>([:])

    /// Remembers nothing yet.
    public init(since: Date = Date()) {
        self.since = since
    }

    /// The builds of a webapp that have ended, newest first.
    public func builds(of webapp: WebappName) -> [Build] { ended.withLock { $0[webapp] ?? [] } }

    /// The webapps that had builds.
    public var webapps: [WebappName] { ended.withLock { Array($0.keys) } }

    /// The median of how long the last builds of a webapp that succeeded took, from the start of their work; `nil` where
    /// none is known.
    public func usualDuration(of webapp: WebappName) -> Duration? {
        let durations = builds(of: webapp).lazy.filter { $0.status == .succeeded }.prefix(Self.usualOf)
            .compactMap { build in build.finishedAt.flatMap { build.duration(now: $0) } }.sorted()
        return durations.isEmpty ? nil : durations[durations.count / 2]
    }

    /// Takes builds in; those that have not ended are left out, and those that are known are replaced.
    public func remember(_ builds: [Build]) {
        let news = builds.filter { $0.status.isFinal && $0.finishedAt != nil }
        guard !news.isEmpty else { return }
        ended.withLock { ended in
            for build in news {
                var known = ended[build.webapp] ?? []
                known.removeAll { $0.id == build.id && $0.createdAt == build.createdAt }
                known.append(build)
                known.sort { ($0.createdAt, $0.id.description) > ($1.createdAt, $1.id.description) }
                ended[build.webapp] = Array(known.prefix(Self.mostBuilds))
            }
            while ended.count > Self.mostWebapps,
                let oldest = ended.min(by: { $0.value[0].createdAt < $1.value[0].createdAt })
            {
                ended[oldest.key] = nil
            }
        }
    }
}
