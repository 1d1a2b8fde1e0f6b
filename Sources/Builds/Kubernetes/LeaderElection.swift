internal import FoundationEssentials
internal import KubernetesClient
internal import Logging
internal import Synchronization

/// Elects one of several processes by a Lease, for what only one may do at a time.
///
/// A Lease is taken over once it has not been renewed for its duration as this process's own clock measures it, so clocks need not
/// agree. The times are those of Kubernetes' own controllers.
struct LeaderElection: Sendable {
    /// How long things may take.
    struct Times {
        /// For how long a Lease holds without being renewed, in whole seconds.
        var lease: Duration = .seconds(15)
        /// The leader gives up when it could not renew for this long, well before anybody takes over.
        var renewal: Duration = .seconds(10)
        /// How often the leader renews, and the others look.
        var interval: Duration = .seconds(2)
    }

    let client: KubernetesClient
    /// The name of the Lease.
    let name: String
    /// Who this process is; unlike any other.
    let identity: String
    let clock: any Clock<Duration>
    let now: @Sendable () -> Date
    let logger: Logger
    var times = Times()

    /// Calls `lead` whenever this process is elected, and cancels it when it no longer is.
    ///
    /// Returns when the task is cancelled, and gives the Lease back so that another takes over at once.
    func run(_ lead: @escaping @Sendable (Leadership) async -> Void) async {
        var seen: Seen?
        while !Task.isCancelled {
            if let held = await acquire(&seen) {
                logger.info("this process leads", metadata: ["lease": "\(name)"])
                await renew(held, during: lead)
                seen = nil
            }
            // Random, so that the others do not keep step.
            try? await clock.sleep(for: times.interval * Double.random(in: 0.8...1.2))
        }
    }

    /// The Lease as this process saw it last, and since when it has not changed.
    private struct Seen {
        var version: String?
        var age: @Sendable () -> Duration
    }

    // MARK: Acquiring

    private func acquire(_ seen: inout Seen?) async -> (lease: Lease, leadership: Leadership)? {
        // Counted from before the request: the Lease is never older than it is taken for.
        let leadership = Leadership(of: times.lease, clock: clock)
        do {
            guard var lease = try await current() else {
                let lease = Lease(metadata: ObjectMeta(name: name, labels: Self.labels), spec: spec(after: nil))
                return (try await client.createLease(lease), leadership)
            }
            let holder = lease.spec.holderIdentity ?? ""
            if seen == nil || seen?.version != lease.metadata.resourceVersion {
                seen = Seen(version: lease.metadata.resourceVersion, age: clock.stopwatch())
            }
            let duration = Duration.seconds(lease.spec.leaseDurationSeconds ?? 1)
            guard holder.isEmpty || holder == identity || seen.map({ $0.age() > duration }) == true else { return nil }
            lease.spec = spec(after: lease.spec)
            return (try await client.updateLease(lease), leadership)
        } catch let error as KubernetesError where error.code == .alreadyExists || error.code == .conflict {
            return nil
        } catch {
            if !Task.isCancelled {
                logger.debug("the lease cannot be taken", metadata: ["lease": "\(name)", "error": "\(error)"])
            }
            return nil
        }
    }

    private func current() async throws -> Lease? {
        do {
            return try await client.lease(named: name)
        } catch let error as KubernetesError where error.code == .notFound {
            return nil
        }
    }

    private static let labels = [
        "app.kubernetes.io/name": "registry-query", "app.kubernetes.io/part-of": "build-system",
    ]

    private func spec(after old: Lease.Spec?) -> Lease.Spec {
        let time = MicroTime(now())
        let isSame = old?.holderIdentity == identity
        return Lease.Spec(
            holderIdentity: identity, leaseDurationSeconds: Int(times.lease.components.seconds),
            acquireTime: isSame ? old?.acquireTime : time, renewTime: time,
            leaseTransitions: old.map { ($0.leaseTransitions ?? 0) + (isSame ? 0 : 1) } ?? 0)
    }

    // MARK: Holding

    private func renew(
        _ held: (lease: Lease, leadership: Leadership), during lead: @escaping @Sendable (Leadership) async -> Void
    ) async {
        let leadership = held.leadership
        await withDiscardingTaskGroup { group in
            group.addTask { await lead(leadership) }
            await keep(held.lease, leadership)
            group.cancelAll()
        }
        leadership.end()
        if Task.isCancelled {
            await giveBack()
        } else {
            logger.warning("this process no longer leads", metadata: ["lease": "\(name)"])
        }
    }

    /// Renews until that fails for too long or the task is cancelled.
    private func keep(_ lease: Lease, _ leadership: Leadership) async {
        var lease = lease
        while true {
            do {
                try await clock.sleep(for: times.interval)
            } catch {
                return
            }
            let sent = clock.stopwatch()
            do {
                lease.spec = spec(after: lease.spec)
                guard let left = leadership.left(of: times.renewal), left > .zero else { return }
                let renewed = try await clock.within(left) { [lease] in try await client.updateLease(lease) }
                guard let renewed else { return }
                lease = renewed
                leadership.renewed(sent)
            } catch let error as KubernetesError where error.code == .conflict {
                // A lost answer to a renewal leaves an old version here; anything else is another holder.
                guard let current = try? await current(), current.spec.holderIdentity == identity else { return }
                lease = current
            } catch is CancellationError {
                return
            } catch {
                logger.debug("the lease was not renewed", metadata: ["lease": "\(name)", "error": "\(error)"])
            }
        }
    }

    /// Lets another take over without waiting for the Lease to run out.
    private func giveBack() async {
        // The task of whoever leads is cancelled by now, and with it every call that it makes itself.
        await Task {
            _ = try? await clock.within(.seconds(3)) {
                // A renewal may have been under way, so what is known of the Lease may be out of date.
                guard var lease = try await current(), lease.spec.holderIdentity == identity else { return }
                lease.spec.holderIdentity = ""
                lease.spec.leaseDurationSeconds = 1
                lease.spec.renewTime = MicroTime(now())
                _ = try await client.updateLease(lease)
            }
        }.value
    }
}

/// Tells how long a leader can be sure that it still leads.
final class Leadership: Sendable {
    private let lease: Duration
    private let sinceRenewal: Mutex<(@Sendable () -> Duration)?>

    init(of lease: Duration, clock: any Clock<Duration>) {
        self.lease = lease
        sinceRenewal = Mutex(clock.stopwatch())
    }

    /// Whether nobody else can have taken over before `span` from now.
    func lasts(_ span: Duration) -> Bool {
        left(of: lease).map { $0 > span } ?? false
    }

    fileprivate func left(of duration: Duration) -> Duration? {
        sinceRenewal.withLock { age in age.map { duration - $0() } }
    }

    fileprivate func renewed(_ sent: @escaping @Sendable () -> Duration) {
        sinceRenewal.withLock { age in if age != nil { age = sent } }
    }

    fileprivate func end() { sinceRenewal.withLock { $0 = nil } }
}
