/// Keeps an outside copy of all objects that a selector chooses up to date: lists, then watches from there, again and again.
///
/// It holds no objects itself. What it tells is in order and complete: whoever applies every ``Change`` has what the API
/// server has, some moments ago. No object goes back to an earlier version between two ``Change/listed(_:)``.
public struct Reflector<Object: KubernetesObject>: Sendable {
    /// A step that brings the copy up to date.
    public enum Change: Sendable {
        /// Everything there is as of now; what is not among them is gone.
        case listed([Object])
        /// Added or modified.
        case changed(Object)
        /// Gone, or chosen by the selector no more; the object as it was last.
        case removed(Object)
        /// A watch is open: from here on what is known is current.
        ///
        /// What was missed since an interruption follows at once.
        case connected
        /// What is known may be out of date until ``connected`` comes again.
        ///
        /// Comes for each try that failed.
        case interrupted(KubernetesError)
    }

    private let client: KubernetesClient
    private let selector: LabelSelector?

    init(client: KubernetesClient, selector: LabelSelector?) {
        self.client = client
        self.selector = selector
    }

    /// Tells every change, one after the other, until the task is cancelled.
    ///
    /// Returns when the task is cancelled; never throws, never gives up. Failures are followed by waits that grow up to
    /// 30 s, or as long as the API server asks for within that. A watch that the API server ends in its time, after 240
    /// to 300 s, is followed by the next one without a word.
    /// - Parameter apply: takes a change; the next one waits for it.
    public func run(_ apply: @Sendable (Change) async -> Void) async {
        await run(on: client.clock, apply)
    }

    private func run<Time: Clock<Duration>>(on clock: Time, _ apply: @Sendable (Change) async -> Void) async {
        let resource = Object.kind.resource
        client.watches.noteStale(resource)
        defer { client.watches.noteEnd(resource) }
        var position = Position()
        var backOff = BackOff()
        while !Task.isCancelled {
            var start: (version: String, time: Time.Instant)?
            var failure: KubernetesError?
            do {
                let version = try await list(unless: position.version, apply)
                position.version = version
                start = (version, clock.now)
                try await watch(from: version, &position, apply)
            } catch {
                failure = error as? KubernetesError ?? KubernetesError(.other, operation, message: "\(error)")
            }
            guard !Task.isCancelled else { return }
            if let start, position.version != start.version || start.time.duration(to: clock.now) >= .seconds(1) {
                backOff.reset()
                // The API server ended a watch that has worked: that is how watches end.
                if failure == nil { continue }
            }
            let reason =
                failure
                ?? KubernetesError(.unavailable, operation, message: "the watch ended at once and told nothing new")
            position.isConnected = false
            if !Self.leavesVersionGood(reason) { position.version = nil }
            client.watches.noteStale(resource)
            KubernetesMetrics.countRestart(of: resource)
            await apply(.interrupted(reason))
            do {
                try await clock.sleep(for: backOff.next(asked: reason.retryAfter))
            } catch {
                return
            }
        }
    }

    /// How far the copy is.
    private struct Position {
        /// The version up to which everything is known; `nil` when only a listing can tell.
        var version: String?
        /// Whether ``Change/connected`` was the last that was told about the connection.
        var isConnected = false
    }

    private var operation: KubernetesOperation { client.operation("watch", Object.kind) }

    /// Lists if no version is known to go on from.
    private func list(
        unless known: String?, _ apply: @Sendable (Change) async -> Void
    ) async throws -> String {
        if let known { return known }
        let list = try await client.list(Object.self, matching: selector)
        try Task.checkCancellation()
        await apply(.listed(list.items))
        return list.resourceVersion
    }

    /// Watches until the watch ends or breaks.
    private func watch(
        from version: String, _ position: inout Position, _ apply: @Sendable (Change) async -> Void
    ) async throws {
        var options = WatchOptions(from: version, selector: selector)
        // So that several replicas do not all come back at once.
        options.timeoutSeconds = Int.random(in: 240...300)
        let watch: Watch<Object> = try await client.watch(options)
        try Task.checkCancellation()
        if !position.isConnected {
            position.isConnected = true
            client.watches.noteCurrent(Object.kind.resource)
            await apply(.connected)
        }
        for try await event in watch {
            // Whole events that came before the cancellation are still in the buffer.
            try Task.checkCancellation()
            guard let next = event.resourceVersion, !isVersion(next, before: position.version) else {
                throw KubernetesError(
                    .malformedAnswer, operation,
                    message: "an event has no version, or one before that of the last event")
            }
            switch event {
            case .added(let object), .modified(let object): await apply(.changed(object))
            case .deleted(let object): await apply(.removed(object))
            case .bookmark: break
            }
            position.version = next
        }
    }

    /// Whether a watch can go on from the last version: only if the API server said nothing, or was too busy to.
    ///
    /// Whatever else it says may be about the version: that it is too old (410), lies in the future after the cluster was
    /// restored (504), or leads to an object that cannot be shown (500). A listing cures all of them.
    private static func leavesVersionGood(_ failure: KubernetesError) -> Bool {
        switch failure.code {
        case .malformedAnswer: false
        case .tooManyRequests, .unavailable: true
        default: failure.status == nil
        }
    }
}

/// Whether a version is certain to be older than another; versions that are no numbers have no order.
///
/// Spec: Kubernetes API concepts, "Resource versions".
private func isVersion(_ version: String, before other: String?) -> Bool {
    guard let number = UInt64(version), let other = other.flatMap(UInt64.init) else { return false }
    return number < other
}

extension KubernetesClient {
    /// Keeps a copy of the Jobs that a selector chooses; needs the rights to list and to watch Jobs.
    public func jobReflector(matching selector: LabelSelector? = nil) -> Reflector<Job> {
        Reflector(client: self, selector: selector)
    }

    /// Keeps a copy of the Pods that a selector chooses; needs the rights to list and to watch Pods.
    public func podReflector(matching selector: LabelSelector? = nil) -> Reflector<Pod> {
        Reflector(client: self, selector: selector)
    }
}
