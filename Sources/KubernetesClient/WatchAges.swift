internal import Synchronization

/// Since when what is known of a kind has not been current.
final class WatchAges: Sendable {
    private let now: @Sendable () -> Duration
    /// By resource; `nil` inside while it is current.
    private let moments = Mutex<[String: Duration?]>([:])

    init(clock: any Clock<Duration>) {
        func reading<Time: Clock>(_ clock: Time) -> @Sendable () -> Duration where Time.Duration == Duration {
            let start = clock.now
            return { start.duration(to: clock.now) }
        }
        now = reading(clock)
    }

    /// The age of what is known by resource, zero while it is current.
    var ages: [String: Duration] {
        let now = now()
        return moments.withLock { $0.mapValues { moment in moment.map { now - $0 } ?? .zero } }
    }

    /// Notes that a watch is open.
    func noteCurrent(_ resource: String) { moments.withLock { $0[resource] = .some(nil) } }

    /// Notes that there is no watch, which nothing changes if there was none before.
    func noteStale(_ resource: String) {
        let now = now()
        moments.withLock { moments in
            if case .some(.some) = moments[resource] { return }
            moments[resource] = .some(now)
        }
    }

    /// Notes that nobody wants to know any more.
    func noteEnd(_ resource: String) { moments.withLock { _ = $0.removeValue(forKey: resource) } }
}
